//! `GET /v1/models` as Cohere answers it: <https://docs.cohere.com/reference/list-models>.

use serde::Serialize;

use crate::{ModelCard, json::write};

#[derive(Serialize)]
struct Page<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    endpoints: [&'static str; 1],
    finetuned: bool,
    default_endpoints: [&'static str; 0],
}

impl<'a> From<&'a ModelCard> for Model<'a> {
    fn from(card: &'a ModelCard) -> Model<'a> {
        Model {
            name: &card.id,
            endpoints: ["chat"],
            finetuned: false,
            default_endpoints: [],
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
