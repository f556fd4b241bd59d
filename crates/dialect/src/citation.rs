//! What a citation says in plain words, whichever vendor made it. Citations travel in their maker's
//! shape; a dialect that shows a client those of another vendor reads them here. Knows the shapes of
//! citations and nothing else of any dialect.

use std::borrow::Cow;

use serde::Deserialize;
use weir_model::Json;

/// A source, and what of the answer rests on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cited<'a> {
    /// From where to where in the answer's text, in characters; all of its block when `None`.
    pub(crate) span: Option<(usize, usize)>,
    /// Where the source is found.
    pub(crate) url: Option<Cow<'a, str>>,
    /// What it is called.
    pub(crate) title: Option<Cow<'a, str>>,
    /// Its own words.
    pub(crate) quote: Option<Cow<'a, str>>,
}

/// All fields of all shapes.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    /// Of OpenAI's Chat Completions, where Responses has the fields themselves.
    #[serde(borrow)]
    url_citation: Option<Page<'a>>,
    #[serde(borrow, flatten)]
    page: Page<'a>,
    #[serde(borrow)]
    document_title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cited_text: Option<Cow<'a, str>>,
    start: Option<usize>,
    end: Option<usize>,
    #[serde(borrow)]
    sources: Option<Vec<Source<'a>>>,
}

#[derive(Default, Deserialize)]
struct Page<'a> {
    start_index: Option<usize>,
    end_index: Option<usize>,
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow)]
    document: Option<Document<'a>>,
}

/// Cohere's documents have whatever fields they were sent with; these are the usual ones.
#[derive(Default, Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    snippet: Option<Cow<'a, str>>,
}

impl<'a> Cited<'a> {
    /// Reads a citation of OpenAI's, Anthropic's or Cohere's; `None` for any other.
    pub(crate) fn of(citation: &'a Json) -> Option<Cited<'a>> {
        let shape: Shape<'a> = serde_json::from_str(citation.get()).ok()?;
        if let Some(sources) = shape.sources {
            let mut documents = sources.into_iter().filter_map(|source| source.document);
            let first = documents.next().unwrap_or_default();
            return Some(Cited {
                span: shape.start.zip(shape.end),
                url: first.url,
                title: first.title,
                quote: first.text.or(first.snippet),
            });
        }
        match shape.r#type.as_deref()? {
            "url_citation" => {
                let page = shape.url_citation.unwrap_or(shape.page);
                Some(Cited {
                    span: page.start_index.zip(page.end_index),
                    url: page.url,
                    title: page.title,
                    quote: None,
                })
            }
            kind if kind.ends_with("_location") => Some(Cited {
                span: None,
                url: shape.page.url,
                title: shape.page.title.or(shape.document_title),
                quote: shape.cited_text,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where in the text, and the address, title and words of the source.
    type Said = (Option<(usize, usize)>, [Option<String>; 3]);

    fn cited(json: &str) -> Option<Said> {
        let json = Json::parse(json).unwrap();
        let cited = Cited::of(&json)?;
        let words = [cited.url, cited.title, cited.quote];
        Some((cited.span, words.map(|word| word.map(Cow::into_owned))))
    }

    #[test]
    fn every_vendors_citation_says_where_and_what() {
        let words = |words: [&str; 3]| {
            words.map(|word| Some(word.to_owned()).filter(|word| !word.is_empty()))
        };
        for (json, span, said) in [
            (
                r#"{"type":"url_citation","url_citation":{"start_index":1,"end_index":3,"url":"u","title":"t\n"}}"#,
                Some((1, 3)),
                ["u", "t\n", ""],
            ),
            (
                r#"{"type":"url_citation","start_index":1,"end_index":3,"url":"u","title":"t"}"#,
                Some((1, 3)),
                ["u", "t", ""],
            ),
            (
                r#"{"type":"char_location","cited_text":"q","document_index":0,"document_title":"t","start_char_index":0,"end_char_index":1}"#,
                None,
                ["", "t", "q"],
            ),
            (
                r#"{"type":"web_search_result_location","cited_text":"q","url":"u","title":null,"encrypted_index":"e"}"#,
                None,
                ["u", "", "q"],
            ),
            (
                r#"{"start":1,"end":3,"text":"bc","sources":[{"type":"tool","id":"x"},{"type":"document","id":"d","document":{"id":"d","title":"t","snippet":"q"}}]}"#,
                Some((1, 3)),
                ["", "t", "q"],
            ),
        ] {
            assert_eq!(cited(json), Some((span, words(said))), "{json}");
        }
        assert_eq!(cited("7"), None);
        assert_eq!(cited(r#"{"type":"file_citation","file_id":"f"}"#), None);
        assert_eq!(cited(r#"{"groundingMetadata":{}}"#), None);
    }
}
