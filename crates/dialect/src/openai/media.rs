//! Pictures, sounds and files: data URLs, other URLs and ids, both ways.

use std::borrow::Cow;

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
            ..plain(MediaSource::Base64(data.to_owned()))
        });
    }
    let is_url = ["https://", "http://", "gs://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    let source = if is_url {
        MediaSource::Url
    } else {
        MediaSource::Base64
    };
    Ok(plain(source(text.into_owned())))
}

pub(crate) fn plain(source: MediaSource) -> Media {
    Media {
        source,
        media_type: None,
        name: None,
        detail: None,
    }
}

/// The address of an image. File ids name files at another vendor.
pub(crate) fn image_url(media: &Media) -> Option<Cow<'_, str>> {
    match &media.source {
        MediaSource::Url(url) => Some(url.into()),
        MediaSource::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or("image/png");
            Some(data_url(media_type, data).into())
        }
        MediaSource::FileId(_) | MediaSource::Text(_) => None,
    }
}

pub(crate) fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}
