//! `weir keys`.

use clap::{Args, Subcommand};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::AdminArgs;
use crate::cli::print;

/// Manages the keys of a running server.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Makes a key and prints it; it cannot be shown again.
    Create {
        /// A name that no other key has.
        #[arg(long)]
        name: String,
        /// A model that the key may use; may be given several times. `*` stands for any text.
        #[arg(long = "model", value_name = "GLOB", default_value = "*")]
        models: Vec<String>,
        /// The project that its calls are booked on.
        #[arg(long)]
        project: Option<String>,
        /// Make an admin key, which opens the admin API instead of models.
        #[arg(long)]
        admin_role: bool,
    },
    /// Lists every key, without its secret part.
    List,
    /// Turns a key off at once.
    Disable {
        /// Its name or id.
        key: String,
    },
    /// Turns a key on again.
    Enable {
        /// Its name or id.
        key: String,
    },
}

/// What the terminal shows of a key.
#[derive(Debug, Deserialize)]
struct Shown {
    id: String,
    name: String,
    role: String,
    models: Vec<String>,
    project: Option<String>,
    disabled: bool,
    hint: String,
    declared: bool,
}

/// Runs the command against the server.
pub(crate) fn run(args: &KeysArgs) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(execute(args))
}

async fn execute(args: &KeysArgs) -> Result<(), String> {
    let path = "/admin/v1/keys";
    match &args.command {
        KeysCommand::Create {
            name,
            models,
            project,
            admin_role,
        } => {
            let wanted =
                json!({ "name": name, "models": models, "project": project, "admin": admin_role });
            let made: Value = args.admin.call(Method::POST, path, Some(&wanted)).await?;
            print(&format!("{}\n", made["value"].as_str().unwrap_or_default()))
        }
        KeysCommand::List => {
            let keys: Vec<Shown> = args.admin.call(Method::GET, path, None).await?;
            print(&table(&keys))
        }
        KeysCommand::Disable { key } => set(&args.admin, key, "disable").await,
        KeysCommand::Enable { key } => set(&args.admin, key, "enable").await,
    }
}

async fn set(admin: &AdminArgs, key: &str, verb: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let escape = |c: char| match plain(c) {
        true => c.to_string(),
        false => {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes)
                .bytes()
                .map(|b| format!("%{b:02X}"))
                .collect()
        }
    };
    let key: String = key.chars().map(escape).collect();
    let shown: Shown = admin
        .call(Method::POST, &format!("/admin/v1/keys/{key}/{verb}"), None)
        .await?;
    print(&table(&[shown]))
}

fn table(keys: &[Shown]) -> String {
    let mut text = format!(
        "{:<20} {:<24} {:<8} {:<9} {:<8} {:<14} MODELS\n",
        "ID", "NAME", "ROLE", "STATE", "ENDS IN", "PROJECT"
    );
    for key in keys {
        let state = match (key.disabled, key.declared) {
            (true, _) => "disabled",
            (false, true) => "declared",
            (false, false) => "enabled",
        };
        text.push_str(&format!(
            "{:<20} {:<24} {:<8} {:<9} {:<8} {:<14} {}\n",
            key.id,
            key.name,
            key.role,
            state,
            key.hint,
            key.project.as_deref().unwrap_or("-"),
            key.models.join(", ")
        ));
    }
    text
}
