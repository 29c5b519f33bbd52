//! Questions for name servers against servers of this machine.

use super::*;
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::NS;

const DOMAIN: &str = "example.com";
const BOTH: [&str; 2] = ["NS-1.example.com.", "ns-2.awsdns-02.com."];

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

/// The answer to a question: two servers.
fn two_servers(question: &Message) -> Message {
    let mut message = Message::response(question.metadata.id, question.metadata.op_code);
    message.queries = question.queries.clone();
    let record = |server: &str| Record::from_rdata(name("example.com."), 300, RData::NS(NS(name(server))));
    message.answers = BOTH.map(record).to_vec();
    message
}

/// What is answered to a question.
type Answering = fn(&Message) -> Message;

/// A resolver that answers each question in turn with one of these.
async fn resolver(answers: Vec<Answering>) -> Resolver {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        for answer in answers {
            let mut packet = [0; 512];
            let (length, from) = socket.recv_from(&mut packet).await.expect("a question");
            let asked = Message::from_vec(&packet[..length]).expect("a message");
            let [query] = &asked.queries[..] else { panic!("{asked:?}") };
            assert_eq!((query.name().to_ascii(), query.query_type()), ("example.com.".to_owned(), RecordType::NS));
            assert!(asked.metadata.recursion_desired && asked.edns.is_some());
            // One to another question comes first.
            let mut late = two_servers(&asked);
            late.metadata.id = asked.metadata.id.wrapping_add(1);
            late.answers.clear();
            for message in [late, answer(&asked)] {
                socket.send_to(&message.to_vec().expect("a packet"), from).await.expect("sent");
            }
        }
    });
    Resolver::new(&|_| Some(format!("http://{address}/")))
}

#[tokio::test]
async fn the_name_servers_come_in_normal_form_also_if_an_answer_is_cut() {
    let cut: Answering = |question| {
        let mut message = two_servers(question);
        message.metadata.truncation = true;
        message
    };
    for answers in [vec![two_servers as Answering], vec![cut, two_servers]] {
        let servers = resolver(answers).await.name_servers(DOMAIN).await;
        assert_eq!(servers, ["ns-1.example.com", "ns-2.awsdns-02.com"]);
    }
}

#[tokio::test]
async fn without_an_answer_there_are_none() {
    fn with(question: &Message, code: ResponseCode) -> Message {
        let mut message = two_servers(question);
        message.metadata.response_code = code;
        message
    }
    let no_such_name: Answering = |question| with(question, ResponseCode::NXDomain);
    let cannot: Answering = |question| with(question, ResponseCode::ServFail);
    for answer in [no_such_name, cannot, Message::clone] {
        assert!(resolver(vec![answer; 2]).await.name_servers(DOMAIN).await.is_empty());
    }
    assert!(Resolver::new(&|_| Some("http://".to_owned())).name_servers(DOMAIN).await.is_empty());
    assert!(resolver(Vec::new()).await.name_servers("no..name").await.is_empty());
}

#[test]
fn servers_of_another_name_are_not_the_domains() {
    let message = two_servers(&question(DOMAIN).expect("a question"));
    assert_eq!(answer(&message, DOMAIN).map(|servers| servers.len()), Some(2));
    assert_eq!(answer(&message, "example.org"), Some(Vec::new()));
}

#[test]
fn the_resolver_is_the_systems_first() {
    let text = "# comment\noptions ndots:5\nnameserver  169.254.78.1\nnameserver 10.0.0.2\n";
    assert_eq!(first_server(text), Some("169.254.78.1:53".parse().expect("an address")));
    assert_eq!(first_server("nameserver fd00::1"), Some("[fd00::1]:53".parse().expect("an address")));
    assert_eq!(first_server("nameserver dns.example.net\n"), None);
}
