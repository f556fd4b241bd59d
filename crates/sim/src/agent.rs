//! The model of a coding agent: takes one step of its task a turn, with the tools on offer.
//!
//! A task is lines in anything that the user wrote: `STEP write FILE: TEXT`, `STEP edit FILE: OLD => NEW`
//! and `STEP run COMMAND`. Tools are chosen by their schema, so that any agent's will do, and of whatever
//! wire: [`read`] knows only how each wire marks a tool's result. Without tools the files are answered in
//! fences, as agents that read their edits from text expect. It promises no sensible answer beyond that.

use serde_json::{Map, Value, json};

use crate::{schema::sample, turn::Tool};

const PATH: &[&str] = &["file_path", "filePath", "absolute_path", "path"];
const TEXT: &[&str] = &["content", "file_text", "contents"];
const OLD: &[&str] = &["old_string", "oldString", "old_str"];
const NEW: &[&str] = &["new_string", "newString", "new_str"];
const COMMAND: &[&str] = &["command", "cmd", "commands"];
const PATCH: &[&str] = &["input", "patch", "patchText"];

/// What is to be done, and how much of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    steps: Vec<Step>,
    done: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Write(String, String),
    Edit(String, String, String),
    Run(String),
}

/// The task in a request of any wire.
pub(crate) fn read(body: &Value) -> Task {
    let mut task = Task {
        steps: Vec::new(),
        done: 0,
    };
    walk(body, &mut task);
    task
}

/// The first text with steps is the task; whatever repeats them is not.
fn walk(value: &Value, task: &mut Task) {
    match value {
        Value::String(text) if task.steps.is_empty() => {
            let lines = text.lines().map(|line| line.trim_matches(['"', ' ']));
            task.steps = lines.filter_map(step).collect();
        }
        Value::Array(list) => list.iter().for_each(|value| walk(value, task)),
        Value::Object(map) => {
            task.done += usize::from(is_result(map));
            map.values().for_each(|value| walk(value, task));
        }
        _ => {}
    }
}

/// Whether this is a tool's result, on any wire.
fn is_result(map: &Map<String, Value>) -> bool {
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
    kind == "tool_result"
        || kind.ends_with("_call_output")
        || map.get("role").is_some_and(|role| role == "tool")
        || map.contains_key("functionResponse")
        || map.contains_key("toolResult")
}

fn step(line: &str) -> Option<Step> {
    let (verb, rest) = line.strip_prefix("STEP ")?.split_once(' ')?;
    let owned = str::to_owned;
    match verb {
        "write" => rest
            .split_once(": ")
            .map(|(file, text)| Step::Write(owned(file), owned(text))),
        "edit" => {
            let (file, change) = rest.split_once(": ")?;
            let (old, new) = change.split_once(" => ")?;
            Some(Step::Edit(owned(file), owned(old), owned(new)))
        }
        "run" => Some(Step::Run(owned(rest))),
        _ => None,
    }
}

impl Task {
    /// The tool to call next and its arguments; none when all is done, or no tool would do.
    pub(crate) fn next<'a>(&self, tools: &'a [Tool]) -> Option<(&'a Tool, Value)> {
        let step = self.steps.get(self.done)?;
        let own = match step {
            Step::Write(file, text) => offered(tools, &[(PATH, file.as_str()), (TEXT, text)]),
            Step::Edit(file, old, new) => {
                offered(tools, &[(PATH, file.as_str()), (OLD, old), (NEW, new)])
            }
            Step::Run(_) => None,
        };
        let patch = || {
            let tool = tools.iter().rfind(|tool| tool.name.contains("patch"))?;
            offered(std::slice::from_ref(tool), &[(PATCH, &step.patch()?)])
        };
        let script = || {
            let tool = tools.iter().find(|tool| tool.name == "exec")?;
            offered(std::slice::from_ref(tool), &[(PATCH, &step.script())])
        };
        own.or_else(patch)
            .or_else(|| offered(tools, &[(COMMAND, &step.command())]))
            .or_else(script)
    }

    /// What is said when nothing is called: the files when no tool is offered, else one sentence.
    pub(crate) fn report(&self, tools: &[Tool]) -> String {
        if !tools.is_empty() || self.steps.is_empty() {
            return format!("Done: {} of {} steps.", self.done, self.steps.len());
        }
        let mut files: Vec<(&str, String)> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Write(file, text) => files.push((file, text.clone())),
                Step::Edit(file, old, new) => files
                    .iter_mut()
                    .filter(|(name, _)| name == file)
                    .for_each(|(_, text)| *text = text.replace(old, new)),
                Step::Run(_) => {}
            }
        }
        let fenced = |(file, text): &(&str, String)| format!("{file}\n```\n{text}\n```\n");
        files.iter().map(fenced).collect()
    }
}

impl Step {
    /// The step as a patch in the words of `apply_patch`.
    fn patch(&self) -> Option<String> {
        let hunk = match self {
            Self::Write(file, text) => format!("*** Add File: {file}\n+{text}"),
            Self::Edit(file, old, new) => format!("*** Update File: {file}\n@@\n-{old}\n+{new}"),
            Self::Run(_) => return None,
        };
        Some(format!("*** Begin Patch\n{hunk}\n*** End Patch\n"))
    }

    /// The step as JavaScript that calls the agent's tools, as Codex has its newest models write it.
    fn script(&self) -> String {
        let command = json!({"cmd": self.command()});
        format!("text(await tools.exec_command({command}))")
    }

    fn command(&self) -> String {
        match self {
            Self::Write(file, text) => format!("echo '{text}' > '{file}'"),
            Self::Edit(file, old, new) => format!("sed -i 's/{old}/{new}/' '{file}'"),
            Self::Run(command) => command.clone(),
        }
    }
}

/// The first tool that has a property for each of `values`, and arguments that its schema takes.
fn offered<'a>(tools: &'a [Tool], values: &[(&[&str], &str)]) -> Option<(&'a Tool, Value)> {
    tools.iter().find_map(|tool| {
        let properties = tool.schema["properties"].as_object()?;
        let mut arguments = Map::new();
        for (names, value) in values {
            let name = names.iter().find(|name| properties.contains_key(**name))?;
            let list = properties[*name]["type"] == "array";
            let shell = || json!(["bash", "-c", value]);
            let value = if list { shell() } else { json!(value) };
            arguments.insert((*name).to_owned(), value);
        }
        let required = tool.schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            let missing = || sample(&properties.get(name).cloned().unwrap_or_default());
            arguments.entry(name).or_insert_with(missing);
        }
        Some((tool, arguments.into()))
    })
}

#[cfg(test)]
mod tests;
