//! Pictures, sounds and files: data URLs, other URLs and ids, both ways.

use std::fmt;

use serde::{Serialize, Serializer};
use weir_model::{Media, MediaSource, Rejection};

use crate::json::read::Value;

/// A data URL, another URL, or bare base64.
pub(crate) fn media(value: Value<'_, '_>) -> Result<Media, Rejection> {
    let text = value.string()?;
    if let Some(rest) = text.strip_prefix("data:") {
        let Some((media_type, data)) = rest.split_once(";base64,") else {
            return Err(value.invalid("a data URL must be base64: `data:<type>;base64,<data>`"));
        };
        let media_type = media_type.split(';').next().unwrap_or_default();
        return Ok(Media {
            media_type: (!media_type.is_empty()).then(|| media_type.to_owned()),
            ..plain(MediaSource::Base64(value.share(data)))
        });
    }
    let is_url = ["https://", "http://", "gs://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    Ok(plain(match is_url {
        true => MediaSource::Url(text.into_owned()),
        false => MediaSource::Base64(value.share(&text)),
    }))
}

pub(crate) fn plain(source: MediaSource) -> Media {
    Media {
        source,
        media_type: None,
        name: None,
        detail: None,
    }
}

/// Where a medium is: an address, or a data URL that is written without being made.
#[derive(Debug)]
pub(crate) enum Address<'a> {
    Url(&'a str),
    Data { media_type: &'a str, data: &'a str },
}

impl<'a> Address<'a> {
    /// The address of an image. File ids name files at another vendor.
    pub(crate) fn of_image(media: &'a Media) -> Option<Address<'a>> {
        match &media.source {
            MediaSource::Url(url) => Some(Address::Url(url)),
            MediaSource::Base64(data) => {
                let media_type = media.media_type.as_deref().unwrap_or("image/png");
                Some(Address::Data { media_type, data })
            }
            MediaSource::FileId(_) | MediaSource::Text(_) => None,
        }
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Url(url) => f.write_str(url),
            Address::Data { media_type, data } => write!(f, "data:{media_type};base64,{data}"),
        }
    }
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
