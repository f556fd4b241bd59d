//! `GET /v1beta/models` as Google answers it: <https://ai.google.dev/api/models>.

use serde::Serialize;

use crate::{ModelCard, json::write};

#[derive(Serialize)]
struct Page<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Model<'a> {
    name: String,
    display_name: &'a str,
    supported_generation_methods: [&'static str; 3],
}

impl<'a> From<&'a ModelCard> for Model<'a> {
    fn from(card: &'a ModelCard) -> Model<'a> {
        Model {
            name: format!("models/{}", card.id),
            display_name: &card.id,
            supported_generation_methods: [
                "generateContent",
                "streamGenerateContent",
                "countTokens",
            ],
        }
    }
}

pub(super) fn encode_all(models: &[ModelCard]) -> Vec<u8> {
    write::to_vec(&Page {
        models: models.iter().map(Model::from).collect(),
    })
}

pub(super) fn encode_one(model: &ModelCard) -> Vec<u8> {
    write::to_vec(&Model::from(model))
}
