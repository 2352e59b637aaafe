"""Writes rows into a tenant's database from inside the tenant's network, and prints each number when its commit was acknowledged.

Run on a host, in a network namespace of the tenant: writer.py ADDRESS SECONDS. Standard output is the witness: it is kept outside of
the database's host. The password is the first line of standard input. After a broken connection it goes on where the database is.
"""

import sys
import time

import psycopg2

address, seconds = sys.argv[1], float(sys.argv[2])
password = sys.stdin.readline().strip()
end = time.time() + seconds
connection, number = None, 0
while time.time() < end:
    try:
        if connection is None:
            connection = psycopg2.connect(
                host=address, user="postgres", password=password, dbname="postgres", connect_timeout=1, tcp_user_timeout=1000
            )
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("create table if not exists acknowledged (number bigint primary key)")
            cursor.execute("select coalesce(max(number), 0) from acknowledged")
            number = cursor.fetchone()[0]
            print(f"{time.time():.3f} connected {number}", flush=True)
        cursor.execute("insert into acknowledged values (%s)", (number + 1,))
        number += 1
        print(f"{time.time():.3f} acknowledged {number}", flush=True)
        time.sleep(0.02)
    except psycopg2.Error as error:
        if connection is not None:
            print(f"{time.time():.3f} lost {str(error).splitlines()[0] if str(error) else type(error).__name__}", flush=True)
        connection = None
        time.sleep(0.05)
