//! The vendor's current reference as data: <https://ai.google.dev/api/generate-content> and Vertex's
//! additions. What is carried or lost as a whole stands as one entry.

use crate::Field;

/// The smallest request that the vendor accepts.
pub(super) const MINIMAL: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#;

/// A part in the user's turn.
macro_rules! user {
    ($part:literal) => {
        concat!(
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"},"#,
            $part,
            "]}]}"
        )
    };
}

/// A part in the model's turn.
macro_rules! model {
    ($part:literal) => {
        concat!(
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":["#,
            $part,
            r#"]},{"role":"user","parts":[{"text":"Go on"}]}]}"#
        )
    };
}

/// A tool's answer.
macro_rules! answer {
    ($answer:literal) => {
        concat!(
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"id":"c1","name":"now","args":{}}}]},{"role":"user","parts":[{"functionResponse":"#,
            $answer,
            "}]}]}"
        )
    };
}

/// A field of the generation's configuration.
macro_rules! config {
    ($field:literal) => {
        concat!(r#"{"generationConfig":{"#, $field, "}}")
    };
}

/// A tool.
macro_rules! tool {
    ($tool:literal) => {
        concat!(r#"{"tools":["#, $tool, "]}")
    };
}

/// A tool of the client's own.
macro_rules! declared {
    ($field:literal) => {
        concat!(
            r#"{"tools":[{"functionDeclarations":[{"name":"now","description":"Tells the time","#,
            $field,
            "}]}]}"
        )
    };
}

/// Which tools may be called.
macro_rules! choice {
    ($config:literal) => {
        concat!(
            r#"{"tools":[{"functionDeclarations":[{"name":"now"},{"name":"then"},{"name":"never"}]}],"toolConfig":"#,
            $config,
            "}"
        )
    };
}

const fn field(path: &'static str, sample: &'static str) -> Field {
    Field { path, sample }
}

/// Every request field, with a merge patch that puts it into [`MINIMAL`].
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("contents", r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#),
    field("contents[].role", model!(r#"{"text":"Hello"}"#)),
    field("contents[].parts", r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#),
    field("contents[].parts[].text", user!(r#"{"text":"there"}"#)),
    field("contents[].parts[].thought", model!(r#"{"text":"Hm","thought":true}"#)),
    field("contents[].parts[].thoughtSignature", model!(r#"{"functionCall":{"id":"c1","name":"now","args":{}},"thoughtSignature":"c2ln"}"#)),
    field("contents[].parts[].partMetadata", user!(r#"{"text":"there","partMetadata":{"a":1}}"#)),
    field("contents[].parts[].inlineData.data", user!(r#"{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}"#)),
    field("contents[].parts[].inlineData.mimeType", user!(r#"{"inlineData":{"mimeType":"audio/wav","data":"UklGRg=="}}"#)),
    field("contents[].parts[].inlineData.displayName", user!(r#"{"inlineData":{"mimeType":"application/pdf","data":"JVBERi0xLjQ=","displayName":"Colours"}}"#)),
    field("contents[].parts[].fileData.fileUri", user!(r#"{"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a.png"}}"#)),
    field("contents[].parts[].fileData.mimeType", user!(r#"{"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a"}}"#)),
    field("contents[].parts[].videoMetadata", user!(r#"{"inlineData":{"mimeType":"video/mp4","data":"AAAA"},"videoMetadata":{"fps":1}}"#)),
    field("contents[].parts[].mediaResolution", user!(r#"{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="},"mediaResolution":{"level":"MEDIA_RESOLUTION_LOW"}}"#)),
    field("contents[].parts[].functionCall.id", model!(r#"{"functionCall":{"id":"c1","name":"now","args":{"a":1}}}"#)),
    field("contents[].parts[].functionCall.name", model!(r#"{"functionCall":{"id":"c1","name":"now","args":{"a":1}}}"#)),
    field("contents[].parts[].functionCall.args", model!(r#"{"functionCall":{"id":"c1","name":"now","args":{"a":1}}}"#)),
    field("contents[].parts[].functionResponse.id", answer!(r#"{"id":"c1","name":"now","response":{"output":"noon"}}"#)),
    field("contents[].parts[].functionResponse.name", answer!(r#"{"id":"c1","name":"now","response":{"output":"noon"}}"#)),
    field("contents[].parts[].functionResponse.response", answer!(r#"{"id":"c1","name":"now","response":{"hour":12}}"#)),
    field("contents[].parts[].functionResponse.parts", answer!(r#"{"id":"c1","name":"now","response":{"output":"see"},"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}]}"#)),
    field("contents[].parts[].functionResponse.willContinue", answer!(r#"{"id":"c1","name":"now","response":{},"willContinue":false}"#)),
    field("contents[].parts[].functionResponse.scheduling", answer!(r#"{"id":"c1","name":"now","response":{},"scheduling":"SILENT"}"#)),
    field("contents[].parts[].executableCode", model!(r#"{"executableCode":{"language":"PYTHON","code":"1"}}"#)),
    field("contents[].parts[].codeExecutionResult", model!(r#"{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}}"#)),
    field("contents[].parts[].toolCall", model!(r#"{"toolCall":{"id":"s1","toolType":"GOOGLE_SEARCH_WEB","args":{}}}"#)),
    field("contents[].parts[].toolResponse", model!(r#"{"toolResponse":{"id":"s1","toolType":"GOOGLE_SEARCH_WEB","response":{}}}"#)),
    field("contents[].parts[].audioTranscription", model!(r#"{"audioTranscription":{"text":"Hi"}}"#)),
    field("systemInstruction", r#"{"systemInstruction":{"parts":[{"text":"Be brief."}]}}"#),
    field("tools[].functionDeclarations[].name", declared!(r#""parameters":{"type":"OBJECT","properties":{"zone":{"type":"STRING"}}}"#)),
    field("tools[].functionDeclarations[].description", declared!(r#""parameters":{"type":"OBJECT","properties":{"zone":{"type":"STRING"}}}"#)),
    field("tools[].functionDeclarations[].parameters", declared!(r#""parameters":{"type":"OBJECT","properties":{"zone":{"type":"STRING","nullable":true}}}"#)),
    field("tools[].functionDeclarations[].parametersJsonSchema", declared!(r#""parametersJsonSchema":{"type":"object","properties":{"zone":{"type":"string"}},"additionalProperties":false}"#)),
    field("tools[].functionDeclarations[].behavior", declared!(r#""behavior":"NON_BLOCKING""#)),
    field("tools[].functionDeclarations[].response", declared!(r#""response":{"type":"STRING"}"#)),
    field("tools[].functionDeclarations[].responseJsonSchema", declared!(r#""responseJsonSchema":{"type":"string"}"#)),
    field("tools[].googleSearch", tool!(r#"{"googleSearch":{}}"#)),
    field("tools[].googleSearchRetrieval", tool!(r#"{"googleSearchRetrieval":{}}"#)),
    field("tools[].googleMaps", tool!(r#"{"googleMaps":{}}"#)),
    field("tools[].codeExecution", tool!(r#"{"codeExecution":{}}"#)),
    field("tools[].urlContext", tool!(r#"{"urlContext":{}}"#)),
    field("tools[].computerUse", tool!(r#"{"computerUse":{"environment":"ENVIRONMENT_BROWSER"}}"#)),
    field("tools[].fileSearch", tool!(r#"{"fileSearch":{"fileSearchStoreNames":["fileSearchStores/a"]}}"#)),
    field("tools[].mcpServers", tool!(r#"{"mcpServers":[{"name":"a"}]}"#)),
    field("tools[].retrieval", tool!(r#"{"retrieval":{"vertexAiSearch":{"datastore":"a"}}}"#)),
    field("tools[].enterpriseWebSearch", tool!(r#"{"enterpriseWebSearch":{}}"#)),
    field("tools[].parallelAiSearch", tool!(r#"{"parallelAiSearch":{}}"#)),
    field("tools[].exaAiSearch", tool!(r#"{"exaAiSearch":{}}"#)),
    field("toolConfig.functionCallingConfig.mode", choice!(r#"{"functionCallingConfig":{"mode":"ANY"}}"#)),
    field("toolConfig.functionCallingConfig.allowedFunctionNames", choice!(r#"{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["now","then"]}}"#)),
    field("toolConfig.functionCallingConfig.streamFunctionCallArguments", choice!(r#"{"functionCallingConfig":{"mode":"AUTO","streamFunctionCallArguments":true}}"#)),
    field("toolConfig.retrievalConfig", choice!(r#"{"retrievalConfig":{"languageCode":"en"}}"#)),
    field("toolConfig.includeServerSideToolInvocations", choice!(r#"{"includeServerSideToolInvocations":true}"#)),
    field("safetySettings", r#"{"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}]}"#),
    field("cachedContent", r#"{"cachedContent":"cachedContents/a"}"#),
    field("labels", r#"{"labels":{"team":"search"}}"#),
    field("serviceTier", r#"{"serviceTier":"flex"}"#),
    field("store", r#"{"store":false}"#),
    field("modelArmorConfig", r#"{"modelArmorConfig":{"promptTemplateName":"a"}}"#),
    field("generationConfig.stopSequences", config!(r#""stopSequences":["END"]"#)),
    field("generationConfig.responseMimeType", config!(r#""responseMimeType":"application/json""#)),
    field("generationConfig.responseSchema", config!(r#""responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"a":{"type":"INTEGER"}}}"#)),
    field("generationConfig.responseJsonSchema", config!(r#""responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}"#)),
    field("generationConfig.responseModalities", config!(r#""responseModalities":["TEXT","IMAGE"]"#)),
    field("generationConfig.candidateCount", config!(r#""candidateCount":2"#)),
    field("generationConfig.maxOutputTokens", config!(r#""maxOutputTokens":1024"#)),
    field("generationConfig.temperature", config!(r#""temperature":0.5"#)),
    field("generationConfig.topP", config!(r#""topP":0.9"#)),
    field("generationConfig.topK", config!(r#""topK":40"#)),
    field("generationConfig.seed", config!(r#""seed":7"#)),
    field("generationConfig.presencePenalty", config!(r#""presencePenalty":0.5"#)),
    field("generationConfig.frequencyPenalty", config!(r#""frequencyPenalty":0.5"#)),
    field("generationConfig.responseLogprobs", config!(r#""responseLogprobs":true"#)),
    field("generationConfig.logprobs", config!(r#""responseLogprobs":true,"logprobs":3"#)),
    field("generationConfig.thinkingConfig.includeThoughts", config!(r#""thinkingConfig":{"includeThoughts":true,"thinkingBudget":2048}"#)),
    field("generationConfig.thinkingConfig.thinkingBudget", config!(r#""thinkingConfig":{"thinkingBudget":2048}"#)),
    field("generationConfig.thinkingConfig.thinkingLevel", config!(r#""thinkingConfig":{"thinkingLevel":"LOW"}"#)),
    field("generationConfig.speechConfig", config!(r#""speechConfig":{"languageCode":"en"}"#)),
    field("generationConfig.imageConfig", config!(r#""imageConfig":{"aspectRatio":"1:1"}"#)),
    field("generationConfig.videoConfig", config!(r#""videoConfig":{}"#)),
    field("generationConfig.mediaResolution", config!(r#""mediaResolution":"MEDIA_RESOLUTION_LOW""#)),
    field("generationConfig.enableEnhancedCivicAnswers", config!(r#""enableEnhancedCivicAnswers":true"#)),
    field("generationConfig.enableAffectiveDialog", config!(r#""enableAffectiveDialog":true"#)),
    field("generationConfig.audioTimestamp", config!(r#""audioTimestamp":true"#)),
    field("generationConfig.audioTranscriptionConfig", config!(r#""audioTranscriptionConfig":{}"#)),
    field("generationConfig.translationConfig", config!(r#""translationConfig":{}"#)),
    field("generationConfig.responseFormat", config!(r#""responseFormat":[{"type":"text"}]"#)),
    field("generationConfig.routingConfig", config!(r#""routingConfig":{"autoMode":{}}"#)),
    field("generationConfig.modelSelectionConfig", config!(r#""modelSelectionConfig":{"featureSelectionPreference":"BALANCED"}"#)),
];
