//! Salesforce: users and queues, leads, contacts, accounts, opportunities, tasks, events and mails over the REST API, and
//! our own tasks written back.
