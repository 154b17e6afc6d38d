//! The first half of the device flow: RFC 8628 §3.1 to §3.3.

use alloc::{boxed::Box, string::String, sync::Arc};
use core::{fmt, time::Duration};

use url::Url;

use super::send::Sender;
use crate::{
    client::ClientIdentity,
    deviations::Deviations,
    error::{Endpoint, Error},
    http::Request,
    machine::{Deadline, Io, Runner, Start, public_machine},
    parameters::Parameters,
    retry::RetryPolicy,
    secret::DeviceCode,
    server::{AuthorizationServer, Transport},
    text::clean,
    time::in_words,
    token::Scope,
    wire::{
        answer::{self, Received},
        device,
        form::Form,
    },
};

/// Asks for a code that a user can enter elsewhere. Ends in a [`DeviceAuthorization`].
///
/// ```
/// use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer, Machine, RetryPolicy, Step, Timestamp, ClientIdentity, flow::DeviceAuthorizationRequest};
///
/// # let server = AuthorizationServer::new(Issuer::new("https://as.example")?)
/// #     .with_endpoint(Endpoint::DeviceAuthorization, "https://as.example/device")?;
/// # let now = Timestamp::UNIX_EPOCH;
/// let client = ClientIdentity::public("my-tool")?;
/// let scope = "openid".parse()?;
/// let mut machine =
///     DeviceAuthorizationRequest::new(&server, &client, &scope, RetryPolicy::default())?;
/// let Ok(Step::Send(exchange)) = machine.poll(now) else { panic!() };
/// assert_eq!(exchange.request().url().as_str(), "https://as.example/device");
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct DeviceAuthorizationRequest(Runner<CodeRequest>);

public_machine!(DeviceAuthorizationRequest => DeviceAuthorization, Error);

impl DeviceAuthorizationRequest {
    /// Asks for these scopes.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without a device authorization endpoint (RFC 8628 §4).
    pub fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let request = CodeRequest::new(server, client, scope, &Parameters::default(), policy)?;
        Ok(Self(Runner::new(request)))
    }

    /// Says more than the flow needs: which API the token is for, or a parameter of the server's own.
    #[must_use]
    pub fn with_parameters(self, parameters: &Parameters) -> Self {
        Self(self.0.configure(|it| parameters.add_to(&mut it.request)))
    }
}

/// What is sent, and what it takes to read the answer.
pub(crate) struct CodeRequest {
    request: Box<Request>,
    policy: RetryPolicy,
    deviations: Arc<Deviations>,
    transport: Transport,
}

impl CodeRequest {
    pub(crate) fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        scope: &Scope,
        parameters: &Parameters,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let mut form = Form::default();
        form.push("scope", scope.as_str());
        let mut request = Box::new(client.post(server, Endpoint::DeviceAuthorization, form)?);
        parameters.add_to(&mut request);
        let (deviations, transport) = (Arc::clone(&server.deviations), server.issuer().transport());
        Ok(Self { request, policy, deviations, transport })
    }

    pub(crate) async fn send(
        self,
        io: &Io,
        deadline: Deadline,
    ) -> Result<DeviceAuthorization, Error> {
        let Self { request, policy, deviations, transport } = self;
        let endpoint = Endpoint::DeviceAuthorization;
        let sender = Sender::new(endpoint, &policy, deadline, &deviations);
        let read = |received: &Received<'_>| {
            answer::read(endpoint, received, |object| device::read(object, transport))
        };
        sender.send(io, request, read).await
    }
}

impl Start for CodeRequest {
    type Output = DeviceAuthorization;
    type Error = Error;

    async fn run(self, io: Io) -> Result<DeviceAuthorization, Error> {
        let deadline = Deadline::within(&io, self.policy.time_limit);
        self.send(&io, deadline).await
    }
}

/// A login that waits for its user. Show them the [`prompt`](Self::prompt), and poll with a
/// [`DeviceAccessTokenRequest`](crate::flow::DeviceAccessTokenRequest).
///
/// It may be kept across a restart: see [`into_parts`](Self::into_parts).
///
/// ```
/// use aiod_auth_core::flow::DeviceAuthorization;
///
/// // A login that goes on after a restart: what the user was shown still counts.
/// fn restart(authorization: DeviceAuthorization) -> DeviceAuthorization {
///     let parts = authorization.into_parts(); // keep these in a private place
///     DeviceAuthorization::from_parts(parts)
/// }
/// # let _ = restart;
/// ```
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    pub(crate) device_code: DeviceCode,
    pub(crate) prompt: DevicePrompt,
}

impl DeviceAuthorization {
    /// What to show the user.
    #[must_use]
    pub const fn prompt(&self) -> &DevicePrompt {
        &self.prompt
    }

    /// As plain data, for a program that restarts in between. When it comes back, take from
    /// `expires_in` the time that has gone.
    #[must_use]
    pub fn into_parts(self) -> DeviceAuthorizationParts {
        DeviceAuthorizationParts { device_code: self.device_code, prompt: self.prompt }
    }

    /// From plain data.
    #[must_use]
    pub fn from_parts(parts: DeviceAuthorizationParts) -> Self {
        let mut prompt = parts.prompt;
        prompt.user_code = clean(&prompt.user_code);
        Self { device_code: parts.device_code, prompt }
    }
}

/// A [`DeviceAuthorization`] as plain data.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the members of RFC 8628 §3.2; callers build it")]
pub struct DeviceAuthorizationParts {
    /// A secret.
    pub device_code: DeviceCode,
    /// The rest of the answer.
    pub prompt: DevicePrompt,
}

/// What the user needs to approve the login: RFC 8628 §3.2. Safe to print.
///
/// `Display` is a few lines that say what to do.
///
/// ```
/// use aiod_auth_core::flow::DevicePrompt;
///
/// // In a window of your own.
/// fn show(prompt: &DevicePrompt) {
///     println!("Open {} and type {}", prompt.verification_uri, prompt.user_code);
///     println!("or scan a code with {}", prompt.page()); // the user's code is in it, where the server has that
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the members of RFC 8628 §3.2; callers build it")]
pub struct DevicePrompt {
    /// The code to enter.
    pub user_code: String,
    /// Where to enter it.
    pub verification_uri: Url,
    /// Where to go with the code already entered, if the server offers it.
    pub verification_uri_complete: Option<Url>,
    /// How long the code lives, counted from the server's answer. `None`: it didn't say. Where a
    /// [`Login`](crate::Login) shows it, it is no longer than its limit.
    pub expires_in: Option<Duration>,
    /// How long to wait between polls.
    pub interval: Duration,
}

impl DevicePrompt {
    /// The page to open in a browser: with the code in it, if the server offers that.
    #[must_use]
    pub fn page(&self) -> &Url {
        self.verification_uri_complete.as_ref().unwrap_or(&self.verification_uri)
    }
}

impl fmt::Display for DevicePrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user_code, verification_uri, .. } = self;
        if let Some(complete) = &self.verification_uri_complete {
            write!(f, "To log in, open\n\n    {complete}\n\nor ")?;
        } else {
            f.write_str("To log in, ")?;
        }
        write!(f, "open\n\n    {verification_uri}\n\nand enter the code  {user_code}\n\n")?;
        // RFC 8628 §5.4: an attacker's code would log the attacker in.
        f.write_str("Go on only if you started this login yourself.")?;
        if let Some(expires_in) = self.expires_in {
            write!(f, " The code is good for {}.", in_words(expires_in))?;
            // Keycloak 17 asked for 10 minutes by mistake.
            if self.interval.saturating_mul(2) > expires_in {
                let interval = in_words(self.interval);
                write!(f, " The login is noticed up to {interval} later: the server wants it so.")?;
            }
        }
        Ok(())
    }
}
