package migrations

// RiverVersion is what Fingerprint says of River's schema.
const RiverVersion = riverVersion

// Files are the migrations.
var Files = files
