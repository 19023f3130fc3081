"""What outlives the program: tables, job ledger, picture files. It imports nothing of ours."""
