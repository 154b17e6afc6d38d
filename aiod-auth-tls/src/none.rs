//! Without TLS.

use std::{
    any::Any,
    error::Error,
    io::{Read, Write},
};

use crate::{TlsFailure, TlsOptions, options::ClientCertificate};

/// No TLS: [`Tls::new`] always fails.
#[derive(Clone, Debug)]
pub struct Tls(std::convert::Infallible);

/// A stream that can't be.
#[derive(Debug)]
pub struct Stream<S>(std::convert::Infallible, std::marker::PhantomData<S>);

impl Tls {
    /// Never succeeds.
    ///
    /// # Errors
    /// [`TlsFailure::Unavailable`].
    pub fn new(_: &TlsOptions) -> Result<Self, TlsFailure> {
        Err(TlsFailure::Unavailable("this program was built without TLS"))
    }

    /// Trusts nothing: for a stack that wants a configuration, and only speaks plain HTTP.
    ///
    /// # Errors
    /// [`TlsFailure::Unavailable`].
    pub fn trusting_nothing() -> Result<Self, TlsFailure> {
        Self::new(&TlsOptions::default())
    }

    /// What reqwest's `tls_backend_preconfigured` takes.
    #[must_use]
    pub fn preconfigured(&self) -> impl Any + use<> {}

    /// A handshake.
    ///
    /// # Errors
    /// None, as there is no [`Tls`].
    pub fn connect<S: Read + Write>(&self, _: &str, _: S) -> std::io::Result<Stream<S>> {
        match self.0 {}
    }

    /// Why TLS failed, if it did.
    #[must_use]
    pub fn explain(&self, _: &(dyn Error + 'static)) -> Option<TlsFailure> {
        match self.0 {}
    }
}

/// Nothing looks at it.
pub(crate) const fn is_usable(_: &ClientCertificate) -> bool {
    true
}

/// Nothing to explain.
#[must_use]
pub fn explain(_: &(dyn Error + 'static)) -> Option<TlsFailure> {
    None
}

impl<S> Stream<S> {
    /// What is below.
    pub fn get_mut(&mut self) -> &mut S {
        match self.0 {}
    }
}

impl<S> Read for Stream<S> {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        match self.0 {}
    }
}

impl<S> Write for Stream<S> {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0 {}
    }
}
