//! `GET /v1/models` as OpenAI answers it: <https://platform.openai.com/docs/api-reference/models>.

use serde::Serialize;

use crate::{ModelCard, json::write};

#[derive(Serialize)]
struct Page<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

impl<'a> From<&'a ModelCard> for Model<'a> {
    fn from(card: &'a ModelCard) -> Model<'a> {
        // No vendor tells a gateway when a model was made; SDKs demand a number.
        Model {
            id: &card.id,
            object: "model",
            created: 0,
            owned_by: &card.owned_by,
        }
    }
}

pub(crate) fn encode_all(models: &[ModelCard]) -> Vec<u8> {
    write::to_vec(&Page {
        object: "list",
        data: models.iter().map(Model::from).collect(),
    })
}

pub(crate) fn encode_one(model: &ModelCard) -> Vec<u8> {
    write::to_vec(&Model::from(model))
}
