//! Saving as who looks at everything, and putting back as somebody who is let in for that alone.

use messaging::permissions::{OPERATOR, RESTORE, SETUP};

use crate::rig::{broker, command, command_with, password, refusals, variable, with_passwords};

#[tokio::test]
async fn what_the_operator_saves_is_put_back_by_a_user_for_that_alone() {
    let (from, dir) = (broker().start().await.unwrap(), tempfile::tempdir().unwrap());
    let dir = dir.path().join("backup").display().to_string();
    let set_up = command(&from.url(), SETUP, &["setup"]).await;
    assert_eq!(set_up.code, Some(0), "{}", set_up.errors);
    let saved = command(&from.url(), OPERATOR, &["backup", &dir]).await;
    assert_eq!(saved.code, Some(0), "{}", saved.errors);
    assert_eq!(refusals(&from), Vec::<String>::new());

    let said = command_with(&["nats", "config", "--restore"], &[]).await;
    let accounts = said.objects[0]["accounts"].as_str().unwrap();
    let to = with_passwords(nats_server::NatsServer::builder().config_extra(accounts));
    let to = to.env(variable(RESTORE), password(RESTORE)).start().await.unwrap();
    let refused = command(&to.url(), OPERATOR, &["restore", &dir]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("does not permit"), "{}", refused.errors);
    let restored = command(&to.url(), RESTORE, &["restore", &dir]).await;
    assert_eq!(restored.code, Some(0), "{}", restored.errors);
    let compared = command(&to.url(), SETUP, &["setup", "--dry-run"]).await;
    assert_eq!(compared.code, Some(0), "{}", compared.errors);
}
