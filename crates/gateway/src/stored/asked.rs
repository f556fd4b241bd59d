//! What is asked of stored responses and conversations, by method and path.

use http::Method;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Of a response.
    Response(String, OfResponse),
    /// Of conversations.
    Conversation(OfConversation),
}

/// What is asked of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfResponse {
    Get,
    Delete,
    Cancel,
    InputItems,
}

/// What is asked of conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OfConversation {
    Create,
    Get(String),
    Update(String),
    Delete(String),
    AddItems(String),
    Items(String),
    /// One item of a conversation.
    Item(String, String),
    DeleteItem(String, String),
}

/// Recognises a path below the version; `Err` is the method that it takes.
pub(crate) fn recognise(method: &Method, tail: &str) -> Option<Result<Asked, Method>> {
    use OfConversation as C;
    let mut steps = tail.strip_prefix('/')?.splitn(5, '/');
    let steps = [(); 5].map(|()| steps.next());
    let [
        Some(root @ ("responses" | "conversations")),
        id,
        part,
        item,
        None,
    ] = steps
    else {
        return None;
    };
    let name = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let get = method == Method::GET || method == Method::HEAD;
    let asked = match (root, id, part, item, method.as_str()) {
        ("responses", Some(_), _, None, _) => {
            let of = match (part, method.as_str()) {
                (None, "DELETE") => OfResponse::Delete,
                (None, _) if get => OfResponse::Get,
                (None, _) => return Some(Err(Method::GET)),
                (Some("cancel"), "POST") => OfResponse::Cancel,
                (Some("cancel"), _) => return Some(Err(Method::POST)),
                (Some("input_items"), _) if get => OfResponse::InputItems,
                (Some("input_items"), _) => return Some(Err(Method::GET)),
                _ => return None,
            };
            Asked::Response(name(id)?, of)
        }
        ("conversations", None, ..) if method == Method::POST => Asked::Conversation(C::Create),
        ("conversations", None, ..) => return Some(Err(Method::POST)),
        ("conversations", Some(_), None, None, verb) => {
            let id = name(id)?;
            Asked::Conversation(match verb {
                "POST" => C::Update(id),
                "DELETE" => C::Delete(id),
                _ if get => C::Get(id),
                _ => return Some(Err(Method::GET)),
            })
        }
        ("conversations", Some(_), Some("items"), None, verb) => {
            let id = name(id)?;
            Asked::Conversation(match verb {
                "POST" => C::AddItems(id),
                _ if get => C::Items(id),
                _ => return Some(Err(Method::GET)),
            })
        }
        ("conversations", Some(_), Some("items"), Some(_), verb) => {
            let (id, item) = (name(id)?, name(item)?);
            Asked::Conversation(match verb {
                "DELETE" => C::DeleteItem(id, item),
                _ if get => C::Item(id, item),
                _ => return Some(Err(Method::GET)),
            })
        }
        _ => return None,
    };
    Some(Ok(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_asked() {
        let of = |method, path| recognise(&method, path);
        let response = |of| Some(Ok(Asked::Response("r".into(), of)));
        assert_eq!(of(Method::GET, "/responses/r"), response(OfResponse::Get));
        assert_eq!(
            of(Method::DELETE, "/responses/r"),
            response(OfResponse::Delete)
        );
        let cancel = of(Method::POST, "/responses/r/cancel");
        assert_eq!(cancel, response(OfResponse::Cancel));
        let items = of(Method::GET, "/responses/r/input_items");
        assert_eq!(items, response(OfResponse::InputItems));
        assert_eq!(of(Method::PUT, "/responses/r"), Some(Err(Method::GET)));
        assert_eq!(
            of(Method::GET, "/responses/r/cancel"),
            Some(Err(Method::POST))
        );
        for unknown in [
            "/responses/",
            "/responses/r/x",
            "/responses/r/cancel/x",
            "/conversations/c/x",
            "/x",
        ] {
            assert_eq!(of(Method::GET, unknown), None, "{unknown}");
        }
        let conversation = |of| Some(Ok(Asked::Conversation(of)));
        let (c, i) = (|| "c".to_owned(), || "i".to_owned());
        for (method, path, expected) in [
            (Method::POST, "/conversations", OfConversation::Create),
            (Method::GET, "/conversations/c", OfConversation::Get(c())),
            (
                Method::POST,
                "/conversations/c",
                OfConversation::Update(c()),
            ),
            (
                Method::POST,
                "/conversations/c/items",
                OfConversation::AddItems(c()),
            ),
            (
                Method::GET,
                "/conversations/c/items",
                OfConversation::Items(c()),
            ),
            (
                Method::DELETE,
                "/conversations/c/items/i",
                OfConversation::DeleteItem(c(), i()),
            ),
        ] {
            assert_eq!(of(method, path), conversation(expected), "{path}");
        }
    }
}
