//! Name servers, for whoever asks the DNS over UDP at the port of everything else. Owns that one kind of answer: what the
//! registry says of a name. No cache stands between. Must not change anything.

use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::NS;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use crate::domain_name::plain;
use crate::local::Local;
use crate::lock::lock;

const TTL_SECS: u32 = 60;

/// Answers until the task ends.
pub(crate) async fn serve(local: Arc<Local>, socket: UdpSocket) {
    let mut packet = [0; 512];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut packet).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let servers = |name: &str| {
            let delegation = lock(&local.registry).delegation(name)?;
            (delegation.domain == name).then_some(delegation.name_servers)
        };
        let Ok(question) = Message::from_vec(&packet[..length]) else { continue };
        if let Some(Ok(answer)) = answer(&question, servers).map(|answer| answer.to_vec()) {
            // Whoever asked has gone, or asks again.
            let _gone = socket.send_to(&answer, from).await;
        }
    }
}

/// The answer to a question; nothing for what is none.
fn answer(question: &Message, servers: impl Fn(&str) -> Option<Vec<String>>) -> Option<Message> {
    let [query] = question.queries.as_slice() else { return None };
    if question.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.queries.push(query.clone());
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    if query.query_type() != RecordType::NS {
        answer.metadata.response_code = ResponseCode::NotImp;
        return Some(answer);
    }
    let Some(servers) = servers(&plain(&query.name().to_ascii())) else {
        answer.metadata.response_code = ResponseCode::NXDomain;
        return Some(answer);
    };
    for server in servers {
        let mut server = Name::from_ascii(plain(&server)).ok()?;
        server.set_fqdn(true);
        answer.answers.push(Record::from_rdata(query.name().clone(), TTL_SECS, RData::NS(NS(server))));
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;

    fn asked(name: &str, kind: RecordType) -> Message {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message
    }

    fn registry(name: &str) -> Option<Vec<String>> {
        (name == "example.com").then(|| vec!["NS-1.example.net.".to_owned()])
    }

    #[test]
    fn a_name_has_the_servers_that_the_registry_holds() {
        let question = asked("Example.com.", RecordType::NS);
        let answer = answer(&question, registry).unwrap();
        assert_eq!((answer.metadata.id, answer.metadata.response_code), (question.metadata.id, ResponseCode::NoError));
        assert_eq!((answer.metadata.message_type, &answer.queries), (MessageType::Response, &question.queries));
        let [record] = &answer.answers[..] else { panic!("{answer:?}") };
        assert_eq!(record.data, RData::NS(NS(Name::from_ascii("ns-1.example.net.").unwrap())));
    }

    #[test]
    fn other_names_other_questions_and_what_is_no_question_get_no_servers() {
        let code = |question: &Message| answer(question, registry).map(|answer| answer.metadata.response_code);
        assert_eq!(code(&asked("www.example.com.", RecordType::NS)), Some(ResponseCode::NXDomain));
        assert_eq!(code(&asked("example.com.", RecordType::A)), Some(ResponseCode::NotImp));
        assert_eq!(code(&Message::query()), None);
        let mut answered = asked("example.com.", RecordType::NS);
        answered.metadata.message_type = MessageType::Response;
        assert_eq!(code(&answered), None, "an answer is no question");
    }
}
