//! Base64 text of media. Pictures are large: a payload is shared with the body that it came in.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use serde::{Serialize, Serializer};

/// Text that may be a part of a body, without a copy. Keeps that body in memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(Bytes);

impl Payload {
    /// A part of `body`; copied where `text` stands elsewhere.
    pub fn within(body: &Bytes, text: &str) -> Payload {
        let (whole, part) = (body.as_ptr_range(), text.as_bytes().as_ptr_range());
        if whole.start <= part.start && part.end <= whole.end {
            return Payload(body.slice_ref(text.as_bytes()));
        }
        text.into()
    }
}

impl Deref for Payload {
    type Target = str;

    fn deref(&self) -> &str {
        // Never made of anything but text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Payload {
        Payload(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Payload {
        Payload(text.into())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_body_is_not_copied() {
        let body = Bytes::from_static(b"{\"data\":\"AAAA\"}");
        let text = std::str::from_utf8(&body[9..13]).unwrap();
        let payload = Payload::within(&body, text);
        assert_eq!((&*payload, payload.as_ptr()), ("AAAA", body[9..].as_ptr()));
        assert_eq!(&*Payload::within(&body, "BBBB"), "BBBB");
    }
}
