//! `weir check`.

use std::path::Path;
use std::sync::Arc;

use weir_config::{Config, Environment};
use weir_gateway::World;

use crate::cli::print;

/// Checks a file as a server would on taking it over.
pub(crate) fn run(file: &Path) -> Result<(), String> {
    let loaded =
        Config::from_file(file, &Environment::from_process()).map_err(|e| e.to_string())?;
    for warning in &loaded.warnings {
        print(&format!("warning: {warning}\n"))?;
    }
    let (providers, models) = (loaded.config.providers.len(), loaded.config.models.len());
    World::build(Arc::new(loaded.config))?;
    print(&format!(
        "{}: good; {providers} providers, {models} models\n",
        file.display()
    ))
}
