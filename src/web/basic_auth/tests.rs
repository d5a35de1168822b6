//! Passwords: right, wrong, changed, and many at once.

use axum::http::HeaderValue;

use super::*;

/// The cheapest there is, so that tests are quick.
const COST: u32 = 4;

fn hash(password: &str) -> PasswordHash {
    bcrypt::hash(password, COST).unwrap().parse().unwrap()
}

fn users() -> Users {
    [("ann", "one"), ("bob", "two")].map(|(user, password)| (user.to_owned(), hash(password))).into()
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.to_owned(), password: password.as_bytes().to_vec() }
}

fn client(number: u8) -> Client {
    Client::at([10, 0, 0, number].into())
}

async fn verdict(passwords: &Passwords, users: &Users, user: &str, password: &str) -> Verdict {
    passwords.check(users, &credentials(user, password), client(1)).await
}

#[tokio::test]
async fn a_password_is_its_users_own_and_nobody_elses() {
    let (passwords, users) = (Passwords::new([7; 32]), users());
    for _ in 0..2 {
        assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Right);
        assert_eq!(verdict(&passwords, &users, "bob", "two").await, Verdict::Right);
        for (user, password) in
            [("ann", "two"), ("ann", ""), ("ANN", "one"), ("eve", "one"), ("eve", "two"), ("", "")]
        {
            assert_eq!(
                verdict(&passwords, &users, user, password).await,
                Verdict::Wrong,
                "{user}:{password}"
            );
        }
    }
}

#[tokio::test]
async fn every_form_of_bcrypt_is_compared() {
    let passwords = Passwords::new([7; 32]);
    let parts = bcrypt::hash_with_result("one", COST).unwrap();
    for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
        let text = parts.format_for_version(version);
        let users: Users = [("ann".to_owned(), text.parse().unwrap())].into();
        assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Right, "{text}");
        assert_eq!(verdict(&passwords, &users, "ann", "two").await, Verdict::Wrong, "{text}");
    }
}

#[tokio::test]
async fn a_right_password_is_computed_once() {
    let (passwords, users) = (Passwords::new([7; 32]), users());
    assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Right);
    // Nobody's turn comes any more: what needs computing is sent away.
    passwords.turn.close();
    assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Right);
    assert_eq!(verdict(&passwords, &users, "ann", "two").await, Verdict::Busy);
    assert_eq!(verdict(&passwords, &users, "bob", "two").await, Verdict::Busy);
}

#[tokio::test]
async fn a_changed_password_counts_at_once_and_the_old_one_no_more() {
    let (passwords, mut users) = (Passwords::new([7; 32]), users());
    assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Right);
    users.insert("ann".to_owned(), hash("new"));
    assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Wrong);
    assert_eq!(verdict(&passwords, &users, "ann", "new").await, Verdict::Right);
    users.remove("ann");
    assert_eq!(verdict(&passwords, &users, "ann", "new").await, Verdict::Wrong);
    assert_eq!(verdict(&passwords, &users, "bob", "two").await, Verdict::Right);
    assert_eq!(verdict(&passwords, &users, "bob", "two").await, Verdict::Right);
    assert!(!passwords.known.right.lock().unwrap().contains_key("ann"), "who is gone is forgotten");
}

#[tokio::test]
async fn a_crowd_is_sent_away_and_who_is_known_is_not() {
    let (passwords, users) = (Passwords::new([7; 32]), users());
    assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Right);
    let _nobodys_turn = passwords.turn.clone().acquire_owned().await.unwrap();
    let guess = |number| {
        let (passwords, users) = (&passwords, &users);
        async move { passwords.check(users, &credentials("ann", "guess"), client(number)).await }
    };
    let mut guesses: Vec<_> = (0..MAX_WAITING as u8).map(|number| Box::pin(guess(number))).collect();
    for guess in &mut guesses {
        assert!(futures_util::poll!(guess).is_pending(), "it waits for its turn");
    }
    assert_eq!(guess(200).await, Verdict::Busy, "all places are taken");
    guesses.truncate(1);
    let second = guess(0);
    let mut second = std::pin::pin!(second);
    assert!(futures_util::poll!(second.as_mut()).is_pending());
    assert_eq!(guess(0).await, Verdict::Busy, "one client has its share");
    assert_eq!(verdict(&passwords, &users, "ann", "one").await, Verdict::Right, "who is known need not wait");
}

#[test]
fn after_a_wrong_password_there_is_a_rest() {
    assert_eq!(rest_after(true, Duration::from_millis(70)), Duration::ZERO);
    assert_eq!(rest_after(false, Duration::from_millis(70)), Duration::from_millis(210));
}

#[test]
fn an_unknown_user_is_compared_with_the_same_hash_each_time() {
    let (passwords, users) = (Passwords::new([7; 32]), users());
    let hash_of = |name| passwords.known.somebodys(&users, name).unwrap();
    assert_eq!(hash_of("eve"), hash_of("eve"));
    let names: Vec<String> = (0..64).map(|number| format!("user{number}")).collect();
    let first = hash_of("eve");
    assert!(names.iter().any(|name| hash_of(name) != first), "not all with one user's");
    assert_eq!(passwords.known.somebodys(&Users::new(), "eve"), None);
}

#[test]
fn credentials_are_read_as_rfc_7617_writes_them() {
    let of = |value: &'static str| {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
        Credentials::of(&headers).map(|given| (given.user, String::from_utf8(given.password).unwrap()))
    };
    let both = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
    assert_eq!(of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), both("Aladdin", "open sesame"));
    assert_eq!(of("basic YTpiOmM="), both("a", "b:c"));
    assert_eq!(of("Basic Og=="), both("", ""));
    for none in ["Bearer YTpi", "Basic", "Basic !", "Basic YQ==", "Basic /w==", ""] {
        assert_eq!(of(none), None, "{none}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_wait_finds_its_password_known_when_it_comes_again() {
    let (passwords, users) = (Passwords::new([7; 32]), users());
    let given = credentials("ann", "one");
    {
        let mut check = std::pin::pin!(passwords.check(&users, &given, client(1)));
        assert!(futures_util::poll!(check.as_mut()).is_pending());
    }
    // The next turn comes when the work is done.
    drop(passwords.turn.acquire().await.unwrap());
    assert!(passwords.known.remembers(&given, &users["ann"]));
}
