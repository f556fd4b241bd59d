//! Steps are read from any wire, and tools are chosen by their schema.

use super::*;

const TASK: &str =
    "Please.\nSTEP write /w/a.txt: one\nSTEP edit /w/a.txt: one => two\nSTEP run ls\nThank you.";

fn tool(name: &str, schema: Value) -> Tool {
    let custom = false;
    let name = name.to_owned();
    Tool {
        name,
        schema,
        custom,
    }
}

fn strings(names: &[&str]) -> Value {
    let properties: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "string"})))
        .collect();
    json!({"type": "object", "properties": properties, "required": names})
}

fn next(task: &Task, tools: &[Tool]) -> Option<(String, Value)> {
    let (tool, arguments) = task.next(tools)?;
    Some((tool.name.clone(), arguments))
}

#[test]
fn results_of_every_wire_are_steps_done() {
    let asked = json!({"content": [{"text": TASK}]});
    for result in [
        json!({"role": "tool", "content": "ok"}),
        json!({"role": "user", "content": [{"type": "tool_result", "content": "ok"}]}),
        json!({"type": "function_call_output", "output": "ok"}),
        json!({"type": "custom_tool_call_output", "output": "ok"}),
        json!({"parts": [{"functionResponse": {"response": {"output": "ok"}}}]}),
        json!({"content": [{"toolResult": {"content": [{"text": "ok"}]}}]}),
    ] {
        let task = read(&json!([asked, result]));
        assert_eq!((task.done, task.steps.len()), (1, 3), "{result}");
        assert_eq!(task.steps[2], Step::Run("ls".to_owned()));
    }
    assert_eq!(
        read(&json!({"input": format!("\"{TASK}\"")})).steps.len(),
        3
    );
}

#[test]
fn tools_are_found_by_their_schema() {
    let mut task = read(&json!(TASK));
    let tools = [
        tool("look", strings(&["path"])),
        tool("Write", strings(&["file_path", "content"])),
        tool(
            "replace",
            strings(&["why", "file_path", "old_string", "new_string"]),
        ),
        tool("sh", json!({"properties": {"command": {"type": "array"}}})),
    ];
    let write = json!({"file_path": "/w/a.txt", "content": "one"});
    assert_eq!(next(&task, &tools), Some(("Write".to_owned(), write)));
    task.done = 1;
    let edit =
        json!({"why": "sample", "file_path": "/w/a.txt", "old_string": "one", "new_string": "two"});
    assert_eq!(next(&task, &tools), Some(("replace".to_owned(), edit)));
    task.done = 2;
    let run = json!({"command": ["bash", "-c", "ls"]});
    assert_eq!(next(&task, &tools), Some(("sh".to_owned(), run)));
    task.done = 3;
    assert_eq!(next(&task, &tools), None);
    assert_eq!(task.report(&tools), "Done: 3 of 3 steps.");
}

#[test]
fn patches_come_before_commands() {
    let mut task = read(&json!(TASK));
    let tools = [
        tool("exec_command", strings(&["cmd"])),
        tool("apply_patch", strings(&["input"])),
    ];
    let (name, arguments) = next(&task, &tools).unwrap();
    let patch = "*** Begin Patch\n*** Add File: /w/a.txt\n+one\n*** End Patch\n";
    assert_eq!(
        (name.as_str(), &arguments["input"]),
        ("apply_patch", &json!(patch))
    );
    let (_, arguments) = next(&task, &tools[..1]).unwrap();
    assert_eq!(arguments, json!({"cmd": "echo 'one' > '/w/a.txt'"}));
    let (_, arguments) = next(&task, &[tool("exec", strings(&["input"]))]).unwrap();
    let script = r#"text(await tools.exec_command({"cmd":"echo 'one' > '/w/a.txt'"}))"#;
    assert_eq!(arguments, json!({"input": script}));
    task.done = 1;
    let (_, arguments) = next(&task, &tools[..1]).unwrap();
    assert_eq!(arguments, json!({"cmd": "sed -i 's/one/two/' '/w/a.txt'"}));
    assert_eq!(next(&task, &[]), None);
    assert_eq!(task.report(&[]), "/w/a.txt\n```\ntwo\n```\n");
}
