//! Asks the DNS which name servers a domain has, as whoever looks for the domain does. A delegation that is made at
//! another registrar is seen in no other way: certificates are issued, and host names can lead here, by an earlier DNS
//! that holds the right records. It must not know which servers are the right ones.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::domain::{dns_form, server_set};
use crate::function::runtime::Lookup;

/// Bounds the wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A packet can be lost.
const ATTEMPTS: u32 = 2;
const PORT: u16 = 53;
/// Where a system says which resolver to ask. That Lambda's answers for NS records is not confirmed against AWS: without
/// an answer nothing is proven.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The longest answer that is asked for (EDNS, RFC 6891): what every network carries whole.
const MAX_ANSWER: u16 = 1232;

/// A resolver of the DNS.
#[derive(Clone, Debug)]
pub struct Resolver(Way);

#[derive(Clone, Debug)]
enum Way {
    /// Ask there; nothing where no resolver is known.
    Ask(Option<SocketAddr>),
    /// Ask nobody.
    Always(Vec<String>),
}

impl Resolver {
    /// The system's resolver. Where `AWS_ENDPOINT_URL` is set, which is so on no AWS, the one at that address.
    pub fn new(lookup: Lookup<'_>) -> Self {
        match lookup("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()) {
            Some(endpoint) => {
                Self(Way::Ask(endpoint.split("://").last().and_then(|rest| rest.trim_matches('/').parse().ok())))
            }
            None => Self(Way::Ask(std::fs::read_to_string(RESOLV_CONF).ok().and_then(|text| first_server(&text)))),
        }
    }

    /// One that asks nobody, and names these servers for every domain.
    pub fn always(servers: &[&str]) -> Self {
        Self(Way::Always(server_set(servers)))
    }

    /// The name servers of a domain, in normal form. None: it has none, or there is no answer that says so.
    pub async fn name_servers(&self, domain: &str) -> Vec<String> {
        let server = match &self.0 {
            Way::Ask(Some(server)) => *server,
            Way::Ask(None) => return Vec::new(),
            Way::Always(servers) => return servers.clone(),
        };
        for _ in 0..ATTEMPTS {
            match ask(server, domain).await {
                Ok(servers) => return servers,
                Err(reason) => tracing::info!(domain, %reason, "the name servers of {domain} are not known"),
            }
        }
        Vec::new()
    }
}

/// Asks a resolver once.
async fn ask(server: SocketAddr, domain: &str) -> io::Result<Vec<String>> {
    // Any address of this machine's, on a free port.
    let from: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((from, 0)).await?;
    // From here on only answers of that server arrive.
    socket.connect(server).await?;
    let question = question(domain).map_err(io::Error::other)?;
    let id = question.metadata.id;
    socket.send(&question.to_vec().map_err(io::Error::other)?).await?;
    let mut packet = [0; MAX_ANSWER as usize];
    let receiving = async {
        loop {
            let length = socket.recv(&mut packet).await?;
            // What came late belongs to another question.
            if packet.starts_with(&id.to_be_bytes()) {
                return Message::from_vec(&packet[..length]).map_err(io::Error::other);
            }
        }
    };
    let message = timeout(TIMEOUT, receiving).await??;
    answer(&message, domain).ok_or_else(|| io::Error::other("the answer cannot be used"))
}

/// The first resolver that a system names.
fn first_server(resolv_conf: &str) -> Option<SocketAddr> {
    let server = |line: &str| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok();
    resolv_conf.lines().find_map(server).map(|address| SocketAddr::new(address, PORT))
}

/// The question for the name servers of a domain.
fn question(domain: &str) -> Result<Message, hickory_proto::ProtoError> {
    let mut name = Name::from_ascii(domain)?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_ANSWER);
    message.add_query(Query::query(name, RecordType::NS)).set_edns(edns);
    Ok(message)
}

/// The name servers of the domain in an answer; nothing where the answer is none, or is cut.
fn answer(message: &Message, domain: &str) -> Option<Vec<String>> {
    if message.metadata.message_type != MessageType::Response || message.metadata.truncation {
        return None;
    }
    match message.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Some(Vec::new()),
        _ => return None,
    }
    let of_the_domain = message.answers.iter().filter(|record| dns_form(&record.name.to_ascii()) == domain);
    Some(server_set(of_the_domain.filter_map(|record| match &record.data {
        RData::NS(server) => Some(server.0.to_ascii()),
        _ => None,
    })))
}

#[cfg(test)]
mod tests;
