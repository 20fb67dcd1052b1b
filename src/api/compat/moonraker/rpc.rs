//! JSON-RPC 2.0, as far as it has nothing to do with a printer: one text becomes requests, and results become texts.

use serde_json::{Map, Value, json};

use super::call::RpcError;

/// Requests in one text.
const BATCH_MAX: usize = 16;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Absent where no answer is wanted.
    pub id: Option<Value>,
    pub what: Result<(String, Value), RpcError>,
}

/// What came in one text.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    One(Asked),
    Many(Vec<Asked>),
}

impl Text {
    pub fn all(&self) -> &[Asked] {
        match self {
            Self::One(asked) => std::slice::from_ref(asked),
            Self::Many(all) => all,
        }
    }
}

fn wrong(code: i32, words: impl Into<String>) -> Asked {
    Asked { id: Some(Value::Null), what: Err(RpcError::new(code, words)) }
}

pub fn read(text: &str) -> Text {
    match serde_json::from_str(text) {
        Err(error) => Text::One(wrong(RpcError::UNREADABLE, format!("Parse error: {error}"))),
        Ok(Value::Array(all)) if all.is_empty() || all.len() > BATCH_MAX => {
            Text::One(wrong(RpcError::NO_REQUEST, format!("Invalid Request: send 1 to {BATCH_MAX} at once")))
        }
        Ok(Value::Array(all)) => Text::Many(all.into_iter().map(request).collect()),
        Ok(one) => Text::One(request(one)),
    }
}

fn request(value: Value) -> Asked {
    let Value::Object(mut fields) = value else {
        return wrong(RpcError::NO_REQUEST, "Invalid Request: it is no object");
    };
    let id = fields.remove("id");
    if id.as_ref().is_some_and(|id| !(id.is_string() || id.is_number() || id.is_null())) {
        return wrong(RpcError::NO_REQUEST, "Invalid Request: its id is neither text nor a number");
    }
    let method = match (fields.remove("jsonrpc"), fields.remove("method")) {
        (Some(Value::String(version)), Some(Value::String(method))) if version == "2.0" => method,
        _ => {
            let words = "Invalid Request: it has no \"jsonrpc\": \"2.0\", or no method";
            return Asked {
                id: Some(id.unwrap_or_default()),
                what: Err(RpcError::new(RpcError::NO_REQUEST, words)),
            };
        }
    };
    let what = match fields.remove("params") {
        None | Some(Value::Null) => Ok((method, Value::Object(Map::new()))),
        Some(Value::Array(all)) if all.is_empty() => Ok((method, Value::Object(Map::new()))),
        Some(params @ Value::Object(_)) => Ok((method, params)),
        Some(_) => Err(RpcError::new(RpcError::NOT_THESE, "Invalid params: send them by name, in an object")),
    };
    Asked { id, what }
}

/// Nothing where no answer is wanted.
pub fn answer(id: Option<Value>, answered: Result<Value, RpcError>) -> Option<Value> {
    let id = id?;
    Some(match answered {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": error.code, "message": error.words}})
        }
    })
}

pub fn notice(method: &str, params: Vec<Value>) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_one_request_or_as_many() {
        let ask = |id: Option<Value>, params: Value| Asked { id, what: Ok(("server.info".into(), params)) };
        let one = r#"{"jsonrpc": "2.0", "method": "server.info", "id": 7}"#;
        assert_eq!(read(one), Text::One(ask(Some(json!(7)), json!({}))));
        let told = r#"{"jsonrpc": "2.0", "method": "server.info", "params": {"a": 1}}"#;
        assert_eq!(read(told), Text::One(ask(None, json!({"a": 1}))));
        let both = format!("[{one},{told}]");
        assert_eq!(read(&both), Text::Many(vec![ask(Some(json!(7)), json!({})), ask(None, json!({"a": 1}))]));
    }

    #[test]
    fn what_is_no_request_is_told_so_by_its_code() {
        let many = format!("[{}]", vec!["{}"; BATCH_MAX + 1].join(","));
        for (text, code, id) in [
            ("", RpcError::UNREADABLE, json!(null)),
            ("{", RpcError::UNREADABLE, json!(null)),
            ("[]", RpcError::NO_REQUEST, json!(null)),
            ("7", RpcError::NO_REQUEST, json!(null)),
            ("{}", RpcError::NO_REQUEST, json!(null)),
            (many.as_str(), RpcError::NO_REQUEST, json!(null)),
            (r#"{"jsonrpc": "1.0", "method": "a", "id": 3}"#, RpcError::NO_REQUEST, json!(3)),
            (r#"{"jsonrpc": "2.0", "method": "a", "id": []}"#, RpcError::NO_REQUEST, json!(null)),
            (r#"{"jsonrpc": "2.0", "method": "a", "params": 1, "id": "x"}"#, RpcError::NOT_THESE, json!("x")),
            (r#"{"jsonrpc": "2.0", "method": "a", "params": [1], "id": 1}"#, RpcError::NOT_THESE, json!(1)),
        ] {
            let Text::One(asked) = read(text) else { panic!("{text}") };
            assert_eq!((asked.what.unwrap_err().code, asked.id), (code, Some(id)), "{text}");
        }
    }

    #[test]
    fn an_answer_has_the_id_of_what_was_asked() {
        assert_eq!(answer(None, Ok(json!(1))), None);
        assert_eq!(
            answer(Some(json!(7)), Ok(json!("ok"))),
            Some(json!({"jsonrpc": "2.0", "id": 7, "result": "ok"}))
        );
        assert_eq!(
            answer(Some(json!(7)), Err(RpcError::new(-32_601, "no"))),
            Some(json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "no"}}))
        );
    }
}
