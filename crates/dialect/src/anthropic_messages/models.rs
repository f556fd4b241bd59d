//! `GET /v1/models` as Anthropic answers it: <https://docs.claude.com/en/api/models-list>.

use serde::Serialize;

use crate::{ModelCard, json::write};

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Model<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

impl<'a> From<&'a ModelCard> for Model<'a> {
    fn from(card: &'a ModelCard) -> Model<'a> {
        // What the reference gives for a model whose release date is not known.
        let created_at = "1970-01-01T00:00:00Z";
        Model {
            r#type: "model",
            id: &card.id,
            display_name: &card.id,
            created_at,
        }
    }
}

pub(super) fn encode_all(models: &[ModelCard]) -> Vec<u8> {
    write::to_vec(&Page {
        data: models.iter().map(Model::from).collect(),
        has_more: false,
        first_id: models.first().map(|card| card.id.as_str()),
        last_id: models.last().map(|card| card.id.as_str()),
    })
}

pub(super) fn encode_one(model: &ModelCard) -> Vec<u8> {
    write::to_vec(&Model::from(model))
}
