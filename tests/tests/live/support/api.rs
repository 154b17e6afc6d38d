//! What stands for AI-on-Demand's API: it asks Keycloak what a token is worth, and says whose it is.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::OnceLock,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::keycloak;

/// Its address, with the slash at the end. There is one for all cases.
pub(crate) fn address() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for connection in listener.incoming() {
                thread::spawn(move || serve(connection.unwrap()));
            }
        });
        address
    })
}

/// One request for each connection.
fn serve(mut connection: TcpStream) {
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = read(&connection);
    let (status, body) = answer(&request);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         www-authenticate: Bearer\r\nconnection: close\r\n\r\n"
    );
    // The client may have closed the connection.
    drop(connection.write_all(format!("{head}{body}").as_bytes()));
}

/// The lines up to the empty one.
fn read(connection: &TcpStream) -> Vec<String> {
    let lines = BufReader::new(connection.take(64 * 1024)).lines();
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect()
}

fn answer(request: &[String]) -> (&'static str, String) {
    if !request.first().is_some_and(|line| line.starts_with("GET /authorization_test ")) {
        return ("404 Not Found", json!({"detail": "Not Found"}).to_string());
    }
    match token(request).and_then(whose) {
        Some(user) => ("200 OK", user.to_string()),
        None => ("401 Unauthorized", json!({"detail": "Invalid authentication token"}).to_string()),
    }
}

fn token(request: &[String]) -> Option<&str> {
    let mut headers = request.iter().filter_map(|line| line.split_once(": "));
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    value.strip_prefix("Bearer ")
}

fn whose(token: &str) -> Option<Value> {
    let said = keycloak::introspect(token);
    let active = said["active"].as_bool().unwrap();
    active.then(|| json!({"name": said["username"], "roles": said["realm_access"]["roles"]}))
}
