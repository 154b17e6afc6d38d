//! The simulator behind real HTTP on loopback.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{Answer, Reply, Request, Settings, Simulator};

/// Starts a simulator on a free port of 127.0.0.1, with the wall clock.
///
/// # Errors
/// If the system has no port, socket or thread to give.
pub fn serve(settings: Settings) -> io::Result<Running> {
    serve_below("", settings)
}

/// The same, below a path, as a realm of a Keycloak is. (What stands there is in the log without it.)
///
/// # Errors
/// As for [`serve`].
pub fn serve_below(path: &'static str, settings: Settings) -> io::Result<Running> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let base_url = format!("http://{}{path}", listener.local_addr()?);
    let simulator = Arc::new(Mutex::new(Simulator::new(&base_url, 0, settings)));

    let (stop, stopped) = oneshot::channel::<()>();
    let accepting = accept(listener, path, Arc::clone(&simulator));
    let thread = thread::Builder::new().name("simulator".to_owned()).spawn(move || {
        // When this returns, the runtime is dropped, and every connection with it.
        runtime.block_on(async {
            tokio::spawn(accepting);
            let _ = stopped.await;
        });
    })?;
    Ok(Running { base_url, simulator, stop: Some(stop), thread: Some(thread) })
}

/// A simulator that answers until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The issuer: `http://127.0.0.1:`, the port, and the path.
    pub base_url: String,
    /// The server itself, see [`Running::simulator`].
    pub simulator: Arc<Mutex<Simulator>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Holds the server still, to look at it or to change it. No request is answered meanwhile.
    pub fn simulator(&self) -> MutexGuard<'_, Simulator> {
        lock(&self.simulator)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to stop.
            drop(thread.join());
        }
    }
}

/// The time by which a served simulator answers.
#[must_use]
pub fn wall_clock_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since_1970.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

async fn accept(listener: TcpListener, path: &'static str, simulator: Arc<Mutex<Simulator>>) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                tokio::spawn(serve_connection(connection, path, Arc::clone(&simulator)));
            }
            // Out of file descriptors, or the client is gone already. Neither lasts.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve_connection(
    connection: TcpStream,
    path: &'static str,
    simulator: Arc<Mutex<Simulator>>,
) {
    let service = service_fn(|request| answer(request, path, &simulator));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(connection), service);
    // An error is a client that went away, or a connection that was dropped on purpose.
    drop(connection.await);
}

/// An error makes hyper close the connection without an answer.
async fn answer(
    request: hyper::Request<Incoming>,
    path: &str,
    simulator: &Mutex<Simulator>,
) -> Result<hyper::Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let mut request = read(request).await?;
    if let Some(below) = request.target.strip_prefix(path) {
        request.target = below.to_owned();
    }
    let reply = lock(simulator).handle(wall_clock_ms(), &request);
    match reply {
        Reply::Dropped => Err("dropped on purpose".into()),
        Reply::Answer(answer) => {
            tokio::time::sleep(answer.delay).await;
            Ok(write(answer)?)
        }
    }
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, hyper::Error> {
    let (head, body) = request.into_parts();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), value.into_owned())
    };
    Ok(Request {
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: head.headers.iter().map(header).collect(),
        body: body.collect().await?.to_bytes().to_vec(),
    })
}

fn write(answer: Answer) -> Result<hyper::Response<Full<Bytes>>, hyper::http::Error> {
    let mut response = hyper::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::from(answer.body))
}

fn lock(simulator: &Mutex<Simulator>) -> MutexGuard<'_, Simulator> {
    simulator.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;
    use crate::sim::{Answer, Fault};

    const METADATA: &str = "/.well-known/openid-configuration";

    /// Everything the server sends until it closes the connection.
    fn exchange(running: &Running, request: &str) -> String {
        let address = running.base_url.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).unwrap();
        response
    }

    fn get(running: &Running, target: &str) -> String {
        let head = format!("GET {target} HTTP/1.1\r\nHost: as.test\r\nConnection: close\r\n\r\n");
        exchange(running, &head)
    }

    fn post(running: &Running, target: &str, form: &str) -> String {
        let length = form.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: as.test\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        );
        exchange(running, &request)
    }

    #[test]
    fn a_served_simulator_speaks_http() {
        let running = serve(Settings::default()).unwrap();
        let metadata = get(&running, METADATA);
        assert!(metadata.starts_with("HTTP/1.1 200 OK\r\n"), "{metadata}");
        assert!(metadata.contains(&format!(r#""issuer":"{}""#, running.base_url)));
        assert_eq!(metadata.to_lowercase().matches("\r\ndate:").count(), 1);

        let device = post(&running, "/device_authorization", "client_id=demo");
        assert!(device.contains("\"user_code\""), "{device}");
        assert_eq!(running.simulator().log().len(), 2);
    }

    #[test]
    fn a_dropped_connection_brings_no_answer() {
        let running = serve(Settings::default()).unwrap();
        running.simulator().fault_at("/token", 1, Fault::DropBefore);
        running.simulator().fault_at("/token", 1, Fault::DropAfter);
        for _ in 0..2 {
            assert_eq!(post(&running, "/token", "client_id=demo"), "");
        }
        let answered = post(&running, "/token", "client_id=demo");
        assert!(answered.starts_with("HTTP/1.1 400 "), "{answered}");
    }

    fn wait_for_a_request(running: &Running) {
        let started = Instant::now();
        while running.simulator().log().is_empty() {
            assert!(started.elapsed() < Duration::from_secs(10), "no request has arrived");
            thread::yield_now();
        }
    }

    #[test]
    fn a_delayed_answer_delays_no_other() {
        let running = serve(Settings::default()).unwrap();
        let delay = Duration::from_millis(500);
        running.simulator().fault_at("/token", 1, Fault::Delay(delay));
        let started = Instant::now();
        thread::scope(|scope| {
            let delayed = scope.spawn(|| post(&running, "/token", "client_id=demo"));
            wait_for_a_request(&running);
            assert!(get(&running, METADATA).starts_with("HTTP/1.1 200 "));
            assert!(!delayed.is_finished());
            assert!(delayed.join().unwrap().starts_with("HTTP/1.1 400 "));
        });
        assert!(started.elapsed() >= delay);
    }

    #[test]
    fn another_answer_is_sent_as_it_is() {
        let running = serve(Settings::default()).unwrap();
        let busy = Answer::html(503, "<h1>Busy</h1>").with_header("Retry-After", "120");
        running.simulator().fault_anywhere(1, Fault::Instead(busy));
        let response = get(&running, METADATA);
        assert!(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(response.contains("retry-after: 120\r\n"));
        assert!(response.ends_with("\r\n\r\n<h1>Busy</h1>"));
    }

    #[test]
    fn dropping_it_closes_the_port_at_once() {
        let running = serve(Settings::default()).unwrap();
        let address = running.base_url.strip_prefix("http://").unwrap().to_owned();
        let far_away = Duration::from_secs(3600);
        running.simulator().fault_anywhere(1, Fault::Delay(far_away));
        let mut waiting = TcpStream::connect(&address).unwrap();
        waiting.write_all(b"GET / HTTP/1.1\r\nHost: as.test\r\n\r\n").unwrap();
        wait_for_a_request(&running);
        drop(running);
        let mut response = Vec::new();
        let ended = waiting.read_to_end(&mut response);
        assert!(ended.is_err() || response.is_empty());
        assert!(TcpStream::connect(&address).is_err());
    }
}
