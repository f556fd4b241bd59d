//! A certificate authority of our own, and a certificate for `localhost`, 127.0.0.1 and
//! `mimic.test`, a name that leads nowhere but through a proxy.

use std::{io, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// An acceptor and the PEM of the authority to trust. ALPN offers h2 when `h2`, and HTTP/1.1.
pub fn acceptor(h2: bool) -> io::Result<(TlsAcceptor, String)> {
    let (config, pem) = config(h2).map_err(io::Error::other)?;
    Ok((TlsAcceptor::from(Arc::new(config)), pem))
}

fn config(h2: bool) -> Result<(ServerConfig, String), Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let root = authority.self_signed(&key)?;
    let issuer = Issuer::new(authority, key);
    let leaf_key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1", "mimic.test"].map(str::to_owned);
    let leaf = CertificateParams::new(names.to_vec())?.signed_by(&leaf_key, &issuer)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)?;
    if h2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok((config, root.pem()))
}
