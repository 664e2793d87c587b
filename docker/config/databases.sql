-- Run by PostgreSQL once, when its directory is made.
CREATE DATABASE orders;
CREATE DATABASE audit;
