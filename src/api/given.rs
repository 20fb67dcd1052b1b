//! What a request gives, read so that every mistake in it becomes a problem with help.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use super::problem::Problem;

/// Requests other than uploads are a few names: 64 KiB is a hundred times what they need.
pub const BODY_MAX: usize = 64 << 10;

/// A JSON body that knows an example of itself.
pub trait Example {
    /// What a right body looks like, for the help of a problem.
    const EXAMPLE: &'static str;
}

/// A JSON body.
#[derive(Debug)]
pub struct Given<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Example> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let expected = format!("send Content-Type: application/json and a body like {}", T::EXAMPLE);
        match Json::<Object<T>>::from_request(request, state).await {
            Ok(Json(Object(given))) => Ok(Self(given)),
            Err(rejection) => Err(unreadable(&rejection, expected)),
        }
    }
}

/// An object with names: serde would take an array for one without.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object, which stands in braces")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }

            fn visit_seq<S: SeqAccess<'de>>(self, _: S) -> Result<Self::Value, S::Error> {
                Err(S::Error::custom(
                    "it is a JSON array, and a JSON object is expected, which stands in braces",
                ))
            }
        }

        deserializer.deserialize_any(Named(PhantomData))
    }
}

fn unreadable(rejection: &JsonRejection, expected: String) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-json",
            "the body is not declared as JSON",
            expected,
        ),
        JsonRejection::BytesRejection(error) => body_cut(error),
        // The source names the key and the column; the outer text only says that JSON is meant.
        other => {
            let cause =
                std::error::Error::source(other).map_or_else(|| other.body_text(), ToString::to_string);
            Problem::unreadable(format!("the body cannot be read: {cause}"), expected)
        }
    }
}

/// A JSON body of which nobody may hear a word again, not even in what is wrong with it.
#[derive(Debug)]
pub struct Unsaid<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Example> FromRequest<S> for Unsaid<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let expected = format!("send Content-Type: application/json and a body like {}", T::EXAMPLE);
        match Json::<Object<T>>::from_request(request, state).await {
            Ok(Json(Object(given))) => Ok(Self(given)),
            Err(
                rejection @ (JsonRejection::MissingJsonContentType(_) | JsonRejection::BytesRejection(_)),
            ) => Err(unreadable(&rejection, expected)),
            // What serde says of it repeats what was given.
            Err(_) => Err(Problem::unreadable("the body is not what is expected here", expected)),
        }
    }
}

/// A body that is too large, or that ended early.
pub fn body_cut(error: &BytesRejection) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body is larger than {BODY_MAX} bytes"),
            "files go to POST /v1/files; everything else is a few names",
        );
    }
    Problem::unreadable("the body ended before its end", "send it again, whole")
}

/// The one name in a request's path.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Named<T>
where
    Problem: From<T::Err>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| not_utf8())?;
        Ok(Self(text.parse()?))
    }
}

/// The two names in a request's path.
#[derive(Debug)]
pub struct NamedTwo<A, B>(pub A, pub B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for NamedTwo<A, B>
where
    Problem: From<A::Err> + From<B::Err>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((one, other)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| not_utf8())?;
        Ok(Self(one.parse()?, other.parse()?))
    }
}

fn not_utf8() -> Problem {
    Problem::unreadable("the name in the path is not UTF-8", "percent-encode it as UTF-8, or leave it plain")
}

/// What stands after the `?`.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::unreadable(
                format!("the query after the ? cannot be read: {}", error.body_text()),
                "look into /openapi.json for what may be asked here",
            )),
        }
    }
}

/// A header that is there at most once and is plain text.
pub fn header_text<'p>(
    parts: &'p axum::http::HeaderMap,
    name: &header::HeaderName,
) -> Result<Option<&'p str>, Problem> {
    let mut all = parts.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| {
            Problem::unreadable(
                format!("the header {name} is not plain text"),
                "send it in ASCII, or leave it out",
            )
        }),
        (Some(_), Some(_)) => {
            Err(Problem::unreadable(format!("the header {name} is there twice"), "send it once"))
        }
    }
}
