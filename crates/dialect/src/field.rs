//! The vendors' references as data, so that docs and tests can walk every field.

/// One request field of a vendor's reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its path, such as `messages[].content[].image_url.detail`.
    pub path: &'static str,
    /// A JSON merge patch (RFC 7396) that puts the field into the dialect's minimal request.
    pub sample: &'static str,
}
