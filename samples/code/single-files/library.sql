-- A lending library in four tables, and the questions that a librarian asks every Monday.

CREATE TABLE reader (
    reader_id  INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    joined_on  DATE NOT NULL
);

CREATE TABLE title (
    title_id   INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    author     TEXT NOT NULL
);

CREATE TABLE volume (
    volume_id  INTEGER PRIMARY KEY,
    title_id   INTEGER NOT NULL REFERENCES title (title_id),
    shelf      TEXT NOT NULL
);

CREATE TABLE loan (
    loan_id     INTEGER PRIMARY KEY,
    volume_id   INTEGER NOT NULL REFERENCES volume (volume_id),
    reader_id   INTEGER NOT NULL REFERENCES reader (reader_id),
    lent_on     DATE NOT NULL,
    returned_on DATE,
    CHECK (returned_on IS NULL OR returned_on >= lent_on)
);

-- No volume can be lent twice at the same time.
CREATE UNIQUE INDEX one_open_loan ON loan (volume_id) WHERE returned_on IS NULL;

INSERT INTO reader VALUES (1, 'Ida Holm', '2021-02-01'), (2, 'Tomas Reuel', '2022-09-14');
INSERT INTO title VALUES (1, 'Bees of the High Valley', 'M. Astrup'), (2, 'Knots', 'P. Okoro');
INSERT INTO volume VALUES (1, 1, 'N4'), (2, 1, 'N4'), (3, 2, 'H1');
INSERT INTO loan VALUES
    (1, 1, 1, '2024-01-08', '2024-01-29'),
    (2, 2, 2, '2024-01-10', NULL),
    (3, 3, 1, '2024-02-02', NULL);

-- Which books are overdue on a given day (four weeks are allowed), and who has them?
SELECT title.name, reader.name, loan.lent_on
FROM loan
JOIN volume ON volume.volume_id = loan.volume_id
JOIN title ON title.title_id = volume.title_id
JOIN reader ON reader.reader_id = loan.reader_id
WHERE loan.returned_on IS NULL
  AND julianday('2024-02-20') - julianday(loan.lent_on) > 28
ORDER BY loan.lent_on;

-- How often was each title lent, counting those that nobody wanted?
SELECT title.name, COUNT(loan.loan_id) AS times
FROM title
LEFT JOIN volume ON volume.title_id = title.title_id
LEFT JOIN loan ON loan.volume_id = volume.volume_id
GROUP BY title.title_id
ORDER BY times DESC, title.name;
