//! One table of a DynamoDB: the operations, expressions and conditions that the function uses, and no
//! others.

#![expect(
    clippy::indexing_slicing,
    reason = "what a JSON value does not have is null"
)]

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The items by their keys.
pub type Items = HashMap<String, Item>;

/// The attributes of an item.
pub type Item = Map<String, Value>;

/// What is not one of these is a fault of the caller's.
const NEWER: &str = "attribute_not_exists(#last) OR #last < :last";
const EARLIER: &str = "#first > :first";
const ROOM: &str = "attribute_not_exists(#refused) OR size(#refused) < :most";

/// Status and body of the answer. A `Scan` gives `page` items at once; all where that is zero.
pub fn answer(operation: &str, request: &Value, items: &mut Items, page: usize) -> (u16, Value) {
    let answer = match operation {
        "BatchGetItem" => get(request, items),
        "UpdateItem" => {
            return update(request, items).unwrap_or_else(|| error("ValidationException"));
        }
        "Scan" => Some(scan(request, items, page)),
        _ => None,
    };
    answer.map_or_else(|| error("ValidationException"), |body| (200, body))
}

fn error(code: &str) -> (u16, Value) {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    (400, json!({ "__type": kind, "message": "no" }))
}

fn get(request: &Value, items: &Items) -> Option<Value> {
    let (table, asked) = request["RequestItems"].as_object()?.iter().next()?;
    let keys = asked["Keys"].as_array()?;
    if keys.len() > 100 {
        return None;
    }
    let found = keys
        .iter()
        .filter_map(|key| items.get(key["k"]["S"].as_str()?));
    let found: Option<Vec<_>> = found.map(|item| projected(item, asked)).collect();
    Some(json!({ "Responses": { table: found? }, "UnprocessedKeys": {} }))
}

fn projected(item: &Item, asked: &Value) -> Option<Value> {
    let names = asked["ExpressionAttributeNames"].as_object()?.values();
    let names = names.filter_map(Value::as_str);
    let attributes = names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
    Some(Value::Object(attributes.collect()))
}

/// In the order of keys; a page ends with the key of its last item.
fn scan(request: &Value, items: &Items, page: usize) -> Value {
    let start = request["ExclusiveStartKey"]["k"]["S"].as_str();
    let mut keys: Vec<_> = items.iter().collect();
    keys.retain(|(key, _)| start.is_none_or(|start| key.as_str() > start));
    keys.sort_unstable_by_key(|(key, _)| *key);
    let is_last = page == 0 || keys.len() <= page;
    if !is_last {
        keys.truncate(page);
    }
    let found = keys.iter().filter_map(|(_, item)| projected(item, request));
    let mut answer = json!({ "Items": found.collect::<Vec<_>>() });
    if let Some((key, _)) = keys.last().filter(|_| !is_last) {
        answer["LastEvaluatedKey"] = json!({ "k": { "S": key } });
    }
    answer
}

/// `SET #a = :a, #b = if_not_exists(#b, :c)`, or the same behind `ADD #d :d`.
fn update(request: &Value, items: &mut Items) -> Option<(u16, Value)> {
    let key = request["Key"]["k"]["S"].as_str()?;
    let values = &request["ExpressionAttributeValues"];
    let item = items.get(key);
    if let Some(condition) = request["ConditionExpression"].as_str()
        && !holds(condition, item, values)?
    {
        return Some(error("ConditionalCheckFailedException"));
    }
    let expression = request["UpdateExpression"].as_str()?;
    let (add, sets) = match expression.strip_prefix("ADD ") {
        Some(rest) => rest
            .split_once(" SET ")
            .map(|(add, sets)| (Some(add), sets))?,
        None => (None, expression.strip_prefix("SET ")?),
    };
    let item = items.entry(key.to_owned()).or_default();
    item.insert("k".to_owned(), json!({ "S": key }));
    for set in sets.split(", #") {
        let (name, to) = set.trim_start_matches('#').split_once(" = ")?;
        let if_not_exists = format!("if_not_exists(#{name}, ");
        match to.strip_prefix(&if_not_exists) {
            Some(_) if item.contains_key(name) => {}
            Some(rest) => {
                drop(item.insert(name.to_owned(), values[rest.strip_suffix(')')?].clone()));
            }
            None => drop(item.insert(name.to_owned(), values[to].clone())),
        }
    }
    if let Some((name, added)) = add.and_then(|add| add.split_once(' ')) {
        add_to_set(item, &name.replace('#', ""), &values[added])?;
    }
    Some((200, json!({})))
}

fn add_to_set(item: &mut Item, name: &str, added: &Value) -> Option<()> {
    let set = item.entry(name).or_insert(json!({ "SS": [] }));
    let set = set["SS"].as_array_mut()?;
    for member in added["SS"].as_array()? {
        if !set.contains(member) {
            set.push(member.clone());
        }
    }
    Some(())
}

fn holds(condition: &str, item: Option<&Item>, values: &Value) -> Option<bool> {
    let text = |name: &str| item.and_then(|item| item.get(name)?["S"].as_str());
    let value = |name: &str| values[name]["S"].as_str();
    match condition {
        NEWER => Some(text("last").is_none_or(|last| Some(last) < value(":last"))),
        ROOM => {
            let held = item.and_then(|item| item.get("refused")?["SS"].as_array());
            let most = values[":most"]["N"].as_str()?.parse().ok()?;
            Some(held.is_none_or(|members| members.len() < most))
        }
        EARLIER => Some(text("first").is_some_and(|first| Some(first) > value(":first"))),
        _ => None,
    }
}
