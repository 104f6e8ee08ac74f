DROP TABLE fature.expected;
DROP TABLE fature.expectation;
