//! Scopes go over the wire and come back.

use aiod_auth_core::Scope;
use aiod_auth_tests::strategies::scope_tokens;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_scope_is_what_it_was_after_the_wire(tokens in scope_tokens()) {
        let scope = Scope::new(tokens.clone()).unwrap();
        let wire = scope.to_string();
        prop_assert_eq!(wire.parse::<Scope>().unwrap(), scope.clone());
        prop_assert_eq!(wire.split_ascii_whitespace().count(), tokens.len());

        let twice_and_backwards = tokens.iter().chain(&tokens).rev();
        prop_assert_eq!(Scope::new(twice_and_backwards).unwrap(), scope);
    }

    #[test]
    fn any_text_is_a_scope_or_an_error(text in any::<String>()) {
        if let Ok(scope) = text.parse::<Scope>() {
            prop_assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope.clone());
            prop_assert!(scope.iter().all(|token| scope.contains(token)));
        }
    }
}
