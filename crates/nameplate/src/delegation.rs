//! Asks the DNS which name servers a domain has, as whoever looks for the domain does. A delegation that is made at
//! another registrar is seen in no other way: certificates are issued, and host names can lead here, by an earlier DNS
//! that holds the right records. It must not know which servers are the right ones.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::domain::{dns_form, server_set};
use crate::runtime::Lookup;

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

/// Values of RFC 1035 and, for the pseudo-record that says what the asker can take, RFC 6891.
const TYPE_NS: u16 = 2;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;
const RECURSION_DESIRED: u16 = 0x0100;
const IS_ANSWER: u16 = 0x8000;
const IS_CUT: u16 = 0x0200;
const OUTCOME: u16 = 0x000f;
const NO_SUCH_NAME: u16 = 3;

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
async fn ask(server: SocketAddr, domain: &str) -> Result<Vec<String>, io::Error> {
    // Any address of this machine's, on a free port.
    let from: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((from, 0)).await?;
    // From here on only answers of that server arrive.
    socket.connect(server).await?;
    let [one, two, ..] = RandomState::new().hash_one(domain).to_be_bytes();
    let id = u16::from_be_bytes([one, two]);
    let question = question(id, domain).ok_or_else(|| io::Error::other("it is no name"))?;
    socket.send(&question).await?;
    let mut message = [0; MAX_ANSWER as usize];
    let receiving = async {
        loop {
            let length = socket.recv(&mut message).await?;
            // What came late belongs to another question.
            if message.starts_with(&id.to_be_bytes()) {
                return Ok::<_, io::Error>(length);
            }
        }
    };
    let length = timeout(TIMEOUT, receiving).await??;
    answer(&message[..length], domain).ok_or_else(|| io::Error::other("the answer cannot be used"))
}

/// The first resolver that a system names.
fn first_server(resolv_conf: &str) -> Option<SocketAddr> {
    let server = |line: &str| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok();
    resolv_conf.lines().find_map(server).map(|address| SocketAddr::new(address, PORT))
}

/// The question for the name servers of a domain.
fn question(id: u16, domain: &str) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    // One question, no answer, no authority, one additional record.
    for field in [id, RECURSION_DESIRED, 1, 0, 0, 1] {
        message.extend(field.to_be_bytes());
    }
    for label in domain.split('.') {
        message.push(u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?);
        message.extend(label.as_bytes());
    }
    message.push(0);
    for field in [TYPE_NS, CLASS_IN] {
        message.extend(field.to_be_bytes());
    }
    // The root's name, then type, size, and nothing else.
    message.push(0);
    for field in [TYPE_OPT, MAX_ANSWER, 0, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    Some(message)
}

/// The name servers of the domain in an answer; nothing where the answer is none, or is cut.
fn answer(message: &[u8], domain: &str) -> Option<Vec<String>> {
    let flags = number(message, 2)?;
    if flags & IS_ANSWER == 0 || flags & IS_CUT != 0 {
        return None;
    }
    match flags & OUTCOME {
        0 => {}
        NO_SUCH_NAME => return Some(Vec::new()),
        _ => return None,
    }
    let mut at = 12;
    for _ in 0..number(message, 4)? {
        at = name(message, at)?.1 + 4;
    }
    let mut servers = Vec::new();
    for _ in 0..number(message, 6)? {
        let (owner, fields) = name(message, at)?;
        let data = fields + 10;
        if number(message, fields)? == TYPE_NS && dns_form(&owner) == domain {
            servers.push(name(message, data)?.0);
        }
        at = data + usize::from(number(message, fields + 8)?);
    }
    Some(server_set(servers))
}

/// Two bytes of a message.
fn number(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]))
}

/// A name in a message, and where what follows it begins. A pointer leads back to an earlier part (RFC 1035, 4.1.4).
fn name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut labels, mut at, mut end, mut before) = (Vec::new(), start, None, start);
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            1..64 => {
                labels.push(String::from_utf8_lossy(message.get(at + 1..at + 1 + length)?).into_owned());
                at += 1 + length;
            }
            192.. => {
                let target = usize::from(number(message, at)? & 0x3fff);
                end.get_or_insert(at + 2);
                // Always further back, so that it ends.
                if target >= before {
                    return None;
                }
                (at, before) = (target, target);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOMAIN: &str = "example.com";

    /// An answer with two servers, as resolvers send it: names that occurred already are pointed to.
    fn two_servers(id: u16) -> Vec<u8> {
        let mut message = question(id, DOMAIN).expect("a question");
        message.truncate(12 + 13 + 4);
        message[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]);
        // `NS-1.example.com`: one label and a pointer to the question's name; then `ns-2.awsdns-02.com`, whose end is
        // that of the question's name.
        message.extend([0xc0, 12, 0, 2, 0, 1, 0, 0, 1, 0x2c, 0, 7, 4]);
        message.extend(b"NS-1\xc0\x0c");
        message.extend([0xc0, 12, 0, 2, 0, 1, 0, 0, 1, 0x2c, 0, 17, 4]);
        message.extend(b"ns-2\x09awsdns-02\xc0\x14");
        message
    }

    /// What is answered to the question of that id.
    type Answering = fn(u16) -> Vec<u8>;

    /// A resolver that answers each question in turn with one of these.
    async fn resolver(answers: Vec<Answering>) -> Resolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("an address");
        tokio::spawn(async move {
            for answer in answers {
                let mut message = [0; 512];
                let (length, from) = socket.recv_from(&mut message).await.expect("a question");
                let id = number(&message, 0).expect("an id");
                assert_eq!(&message[..length], question(id, DOMAIN).expect("a question"));
                // One to another question comes first.
                socket.send_to(&two_servers(id.wrapping_add(1))[..20], from).await.expect("sent");
                socket.send_to(&answer(id), from).await.expect("sent");
            }
        });
        Resolver::new(&|_| Some(format!("http://{address}/")))
    }

    fn with_flags(id: u16, flags: [u8; 2]) -> Vec<u8> {
        let mut message = two_servers(id);
        message[2..4].copy_from_slice(&flags);
        message
    }

    #[tokio::test]
    async fn the_name_servers_come_in_normal_form_also_if_an_answer_is_cut() {
        let both = ["ns-1.example.com", "ns-2.awsdns-02.com"];
        for answers in
            [vec![two_servers as Answering], vec![(|id| with_flags(id, [0x83, 0x80])) as Answering, two_servers]]
        {
            assert_eq!(resolver(answers).await.name_servers(DOMAIN).await, both);
        }
    }

    #[tokio::test]
    async fn without_an_answer_there_are_none() {
        // No such name; the server cannot; nothing but the question.
        for answer in [
            (|id| with_flags(id, [0x81, 0x83])) as Answering,
            |id| with_flags(id, [0x81, 0x82]),
            |id| with_flags(id, [0x01, 0x00]),
        ] {
            assert!(resolver(vec![answer; 2]).await.name_servers(DOMAIN).await.is_empty());
        }
        assert!(Resolver::new(&|_| Some("http://".to_owned())).name_servers(DOMAIN).await.is_empty());
        assert!(resolver(Vec::new()).await.name_servers("no..name").await.is_empty());
    }

    #[test]
    fn servers_of_another_name_are_not_the_domains() {
        assert_eq!(answer(&two_servers(1), DOMAIN).map(|servers| servers.len()), Some(2));
        assert_eq!(answer(&two_servers(1), "example.org"), Some(Vec::new()));
    }

    #[test]
    fn the_resolver_is_the_systems_first() {
        let text = "# comment\noptions ndots:5\nnameserver  169.254.78.1\nnameserver 10.0.0.2\n";
        assert_eq!(first_server(text), Some("169.254.78.1:53".parse().expect("an address")));
        assert_eq!(first_server("nameserver fd00::1"), Some("[fd00::1]:53".parse().expect("an address")));
        assert_eq!(first_server("nameserver dns.example.net\n"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_answered_is_read_to_an_end(mut message in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = answer(&message, DOMAIN);
            let head = two_servers(1);
            message.splice(..message.len().min(12), head[..12].iter().copied());
            let _ = answer(&message, DOMAIN);
        }

        #[test]
        fn an_answer_that_is_cut_anywhere_is_none(at in 0..80_usize) {
            let whole = two_servers(1);
            prop_assume!(at < whole.len());
            prop_assert_eq!(answer(&whole[..at], DOMAIN), None);
        }
    }
}
