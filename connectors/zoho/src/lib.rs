//! Zoho CRM: users, leads, contacts, accounts, deals, tasks, calls, meetings, notes and mails over the v8 API, and our own
//! tasks written back.
