-- The service's database. From template0: TimescaleDB's launcher may be connected to template1.
CREATE DATABASE fature OWNER fature_owner TEMPLATE template0
