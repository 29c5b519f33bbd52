//! Name servers of zones, and what is read of Route 53's answers.

use super::*;

#[test]
fn zones_have_four_servers_of_their_own_in_awss_form() {
    let (one, other) = (name_servers("Z1"), name_servers("Z2"));
    assert_eq!(one, name_servers("Z1"));
    assert_ne!(one, other);
    for (server, tld) in one.iter().zip([".com", ".net", ".org", ".co.uk"]) {
        assert!(server.starts_with("ns-") && server.contains(".awsdns-") && server.ends_with(tld), "{server}");
    }
    // No two zones of a large account share a set.
    let all: std::collections::HashSet<_> = (0..2_000).map(|id| name_servers(&format!("Z{id}"))).collect();
    assert_eq!(all.len(), 2_000);
}

#[test]
fn route_53s_answers_are_read() {
    let zones: xml::ListHostedZones = quick_xml::de::from_str(
        "<?xml version=\"1.0\"?><ListHostedZonesResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>a.com.</Name><CallerReference>r</CallerReference>\
         <Config><Comment /><PrivateZone>false</PrivateZone></Config>\
         <ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone></HostedZones>\
         <IsTruncated>false</IsTruncated><Marker /><MaxItems>100</MaxItems></ListHostedZonesResponse>",
    )
    .unwrap();
    assert_eq!(zones.zones.zones[0].id, "/hostedzone/Z1");
    let records: xml::ListRecordSets = quick_xml::de::from_str(
        "<R><ResourceRecordSets><ResourceRecordSet><Name>a.com.</Name><Type>A</Type><AliasTarget>\
         <HostedZoneId>Z</HostedZoneId><DNSName>d.example.</DNSName><EvaluateTargetHealth>false\
         </EvaluateTargetHealth></AliasTarget></ResourceRecordSet><ResourceRecordSet><Name>b.com.</Name>\
         <Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>\"a b\"</Value></ResourceRecord>\
         </ResourceRecords></ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated></R>",
    )
    .unwrap();
    assert_eq!(records.sets.sets[0].alias.as_ref().unwrap().dns_name, "d.example.");
    assert_eq!(records.sets.sets[1].values.as_ref().unwrap().values[0].value, "\"a b\"");
    let none: xml::ListHostedZones =
        quick_xml::de::from_str("<R><HostedZones /><IsTruncated>false</IsTruncated></R>").unwrap();
    assert!(none.zones.zones.is_empty());
}
