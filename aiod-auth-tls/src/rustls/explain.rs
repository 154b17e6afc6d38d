//! What rustls says, in the core's words.

use aiod_auth_core::CertificateProblem;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

use super::asked::Asked;
use crate::TlsFailure;

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, which grows")]
pub(super) fn failure(error: &Error, asked: &Asked) -> Option<TlsFailure> {
    Some(match error {
        Error::InvalidCertificate(error) => TlsFailure::Certificate(certificate(error)),
        Error::AlertReceived(alert) => received(*alert, asked),
        // The first bytes of `HTTP/1.1 400` are no TLS record.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => TlsFailure::NotTls,
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => TlsFailure::Version,
        Error::PeerIncompatible(_)
        | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite) => {
            TlsFailure::Refused("it chose what was not offered")
        }
        _ => return None,
    })
}

/// RFC 8446 §6.2. An alert in answer to what the client offers can't pass by itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, which grows")]
fn received(alert: AlertDescription, asked: &Asked) -> TlsFailure {
    use AlertDescription as Alert;
    let certificate = if asked.has_certificate() {
        TlsFailure::ClientCertificateRefused
    } else {
        TlsFailure::ClientCertificateWanted
    };
    match alert {
        Alert::CertificateRequired | Alert::NoCertificate => certificate,
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError
        | Alert::HandshakeFailure
            if asked.was_asked() =>
        {
            certificate
        }
        Alert::ProtocolVersion => TlsFailure::Version,
        Alert::HandshakeFailure => TlsFailure::Refused("handshake_failure"),
        Alert::InsufficientSecurity => TlsFailure::Refused("insufficient_security"),
        Alert::UnrecognisedName => TlsFailure::Refused("unrecognized_name"),
        Alert::IllegalParameter => TlsFailure::Refused("illegal_parameter"),
        Alert::DecodeError => TlsFailure::Refused("decode_error"),
        Alert::UnsupportedExtension => TlsFailure::Refused("unsupported_extension"),
        Alert::NoApplicationProtocol => TlsFailure::Refused("no_application_protocol"),
        Alert::InternalError => TlsFailure::Alert("internal_error"),
        Alert::CloseNotify => TlsFailure::Alert("close_notify"),
        Alert::UserCanceled => TlsFailure::Alert("user_canceled"),
        _ => TlsFailure::Alert("an alert"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, which grows")]
fn certificate(error: &CertificateError) -> CertificateProblem {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateProblem::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotYetValid
        }
        // An authority that was made anew under its old name has signed it, and the old one is trusted.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            CertificateProblem::UnknownIssuer
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            CertificateProblem::NoName
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::OtherName
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateProblem::OtherPurpose
        }
        CertificateError::Other(other) if is_old(other) => CertificateProblem::OldVersion,
        CertificateError::Revoked => CertificateProblem::Revoked,
        CertificateError::Other(other) if is_ca(other) => CertificateProblem::CaUsedAsServer,
        _ => CertificateProblem::Unacceptable,
    }
}

fn is_old(error: &rustls::OtherError) -> bool {
    let inner = error.0.downcast_ref::<webpki::Error>();
    matches!(inner, Some(webpki::Error::UnsupportedCertVersion))
}

/// webpki's word for it, which rustls hands on without one of its own.
pub(super) fn is_ca(error: &rustls::OtherError) -> bool {
    let inner = error.0.downcast_ref::<webpki::Error>();
    matches!(inner, Some(webpki::Error::CaUsedAsEndEntity))
}
