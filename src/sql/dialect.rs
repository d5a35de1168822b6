//! Dialects: what names look like. Where literals end is not asked of them.

/// A family of databases that write names in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL and what speaks its language.
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
    /// Microsoft SQL Server.
    SqlServer,
    /// Oracle Database.
    Oracle,
    /// Some SQL.
    #[default]
    Unknown,
    /// No SQL at all: nothing of the text is kept.
    NotSql,
}

impl Dialect {
    /// The dialect of `db.system.name`, or of `db.system` as it was called before. An unknown
    /// system speaks some SQL.
    pub fn of_system(system: &str) -> Self {
        let system = system.trim().to_ascii_lowercase();
        match system.as_str() {
            "postgresql" | "postgres" | "cockroachdb" | "redshift" | "aws.redshift" | "edb" | "greenplum"
            | "yugabytedb" | "timescaledb" => Dialect::PostgreSql,
            "mysql" | "mariadb" | "tidb" | "aurora" | "percona" => Dialect::MySql,
            "sqlite" => Dialect::Sqlite,
            "microsoft.sql_server" | "mssql" | "sqlserver" | "mssqlcompact" => Dialect::SqlServer,
            "oracle" | "oracle.db" => Dialect::Oracle,
            _ if NOT_SQL.contains(&system.as_str()) => Dialect::NotSql,
            _ => Dialect::Unknown,
        }
    }

    /// Whether `"name"` is a name where one is expected.
    pub(super) fn quotes_names_doubly(self) -> bool {
        matches!(self, Dialect::PostgreSql | Dialect::Sqlite | Dialect::SqlServer | Dialect::Oracle)
    }

    /// Whether `[name]` is a name.
    pub(super) fn quotes_names_in_brackets(self) -> bool {
        matches!(self, Dialect::Sqlite | Dialect::SqlServer)
    }

    /// Whether `#` may stand in a name.
    pub(super) fn has_hash_in_names(self) -> bool {
        matches!(self, Dialect::SqlServer | Dialect::Oracle)
    }
}

/// Values of `db.system.name` and `db.system` whose queries are not SQL.
const NOT_SQL: [&str; 26] = [
    "aerospike",
    "aws.dynamodb",
    "couchdb",
    "dynamodb",
    "elasticsearch",
    "etcd",
    "filemaker",
    "firestore",
    "geode",
    "hbase",
    "influxdb",
    "janusgraph",
    "keydb",
    "memcached",
    "milvus",
    "mongodb",
    "neo4j",
    "opensearch",
    "prometheus",
    "qdrant",
    "redis",
    "rocksdb",
    "solr",
    "valkey",
    "weaviate",
    "xmldb",
];
