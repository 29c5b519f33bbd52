//! The rates of the control plane.

use super::*;

#[test]
fn rates_allow_a_burst_then_ten_a_second_and_a_domain_name_each_half_minute() {
    let mut rates = Rates::default();
    assert_eq!((0..50).filter(|_| rates.take("GetApis", 0.0)).count(), 40);
    assert_eq!((0..50).filter(|_| rates.take("GetApis", 1.0)).count(), 10);
    let mut rates = Rates::default();
    assert!(rates.take("CreateDomainName", 0.0));
    assert!(rates.take("DeleteDomainName", 1.0));
    assert!(!rates.take("CreateDomainName", 29.0));
    assert!(rates.take("CreateDomainName", 30.0));
    assert!(rates.take("CreateDeployment", 31.0) && !rates.take("CreateDeployment", 35.0));
    assert!(rates.take("CreateDeployment", 36.0));
}
