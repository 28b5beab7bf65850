/*-------------------------------------------------------------------------
 *
 * wal_records.c
 *	  Records of WAL (XLogRecord of PostgreSQL's access/xlogrecord.h).
 *
 *-------------------------------------------------------------------------
 */
#include "wal_records.h"

#include <string.h>

#include "crc32c.h"
#include "wal_pages.h"

#define RECORD_HEADER_BYTES 24
#define CRC_OFFSET 20
#define SHORT_PAGE_HEADER 24
#define LONG_PAGE_HEADER 40

/* XLogPageHeaderData.xlp_info */
#define PAGE_BEGINS_WITH_REST 0x0001
#define PAGE_HAS_LONG_HEADER 0x0002

#define LARGEST_RECORD (1024U * 1024 * 1024)

/* Resource managers, and what they call their records. */
#define MANAGER_XLOG 0
#define MANAGER_TRANSACTION 1
#define MANAGER_TABLESPACE 5
#define XLOG_RESTORE_POINT 0x70
#define XLOG_PARAMETER_CHANGE 0x60
#define TABLESPACE_CREATE 0x00
#define XACT_KIND 0x70
#define XACT_COMMIT 0x00
#define XACT_ABORT 0x20
#define XACT_COMMIT_PREPARED 0x30
#define XACT_ABORT_PREPARED 0x40

/* What stands before the main data of a record. */
#define ID_DATA_SHORT 255
#define ID_DATA_LONG 254
#define ID_ORIGIN 253
#define ID_TOP_LEVEL 252

/* The beginning of xl_parameter_change, before wal_level, of which 0 is "minimal". */
const char *const wal_setting_names[WAL_SETTINGS] = {"max_connections", "max_worker_processes",
													 "max_wal_senders", "max_prepared_transactions",
													 "max_locks_per_transaction"};

static uint16_t
get_16(const char *data)
{
	uint16_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static uint32_t
get_32(const char *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static size_t
aligned(size_t at)
{
	return (at + 7) & ~(size_t) 7;
}

void
wal_records_begin(WalRecords *records, WalVisit visit, void *argument)
{
	memset(records, 0, sizeof(*records));
	records->visit = visit;
	records->argument = argument;
	buffer_init(&records->record);
}

void
wal_records_end(WalRecords *records)
{
	buffer_free(&records->record);
}

/* The main data of a record that concerns no pages; NULL if it has none, or concerns some. */
static const char *
main_data(const char *record, size_t length, size_t *bytes)
{
	size_t at = RECORD_HEADER_BYTES;

	while (at + 5 <= length)
	{
		unsigned char id = (unsigned char) record[at];

		if (id == ID_ORIGIN)
			at += 3;
		else if (id == ID_TOP_LEVEL)
			at += 5;
		else if (id == ID_DATA_SHORT || id == ID_DATA_LONG)
		{
			size_t header = id == ID_DATA_SHORT ? 2 : 5;

			*bytes = id == ID_DATA_SHORT ? (unsigned char) record[at + 1] : get_32(record + at + 1);
			return *bytes <= length - at - header ? record + at + header : NULL;
		}
		else
			return NULL;
	}
	return NULL;
}

/* xl_tblspc_create_rec: the oid, and the path. */
static void
read_tablespace(const char *record, size_t length, WalEvent *event)
{
	size_t bytes;
	const char *data = main_data(record, length, &bytes);

	if (data == NULL || bytes <= sizeof(event->oid) ||
		memchr(data + sizeof(event->oid), '\0', bytes - sizeof(event->oid)) == NULL)
		return;
	event->kind = WAL_EVENT_TABLESPACE;
	event->oid = get_32(data);
	event->path = data + sizeof(event->oid);
}

static void
read_settings(const char *record, size_t length, WalEvent *event)
{
	size_t bytes;
	const char *data = main_data(record, length, &bytes);

	if (data == NULL || bytes < sizeof(event->settings) + sizeof(uint32_t))
		return;
	event->kind = WAL_EVENT_SETTINGS;
	memcpy(event->settings, data, sizeof(event->settings));
	event->minimal = get_32(data + sizeof(event->settings)) == 0;
}

/* What kind of record it is, and what of it matters. */
static void
read_event(const char *record, size_t length, WalEvent *event)
{
	unsigned char info = (unsigned char) record[16];
	unsigned char manager = (unsigned char) record[17];
	unsigned char kind = info & XACT_KIND;
	const char *data;
	size_t bytes;

	if (manager == MANAGER_TABLESPACE && (info & 0xF0) == TABLESPACE_CREATE)
	{
		read_tablespace(record, length, event);
		return;
	}
	if (manager == MANAGER_XLOG && (info & 0xF0) == XLOG_PARAMETER_CHANGE)
	{
		read_settings(record, length, event);
		return;
	}
	if (manager == MANAGER_TRANSACTION && (kind == XACT_COMMIT || kind == XACT_COMMIT_PREPARED))
		event->kind = WAL_EVENT_COMMIT;
	else if (manager == MANAGER_TRANSACTION && (kind == XACT_ABORT || kind == XACT_ABORT_PREPARED))
		event->kind = WAL_EVENT_ABORT;
	else if (manager == MANAGER_XLOG && (info & 0xF0) == XLOG_RESTORE_POINT)
		event->kind = WAL_EVENT_POINT;
	else
		return;
	data = main_data(record, length, &bytes);
	if (data == NULL || bytes < sizeof(event->time) ||
		(event->kind == WAL_EVENT_POINT && bytes < sizeof(event->time) + sizeof(event->name)))
	{
		event->kind = WAL_EVENT_OTHER;
		return;
	}
	memcpy(&event->time, data, sizeof(event->time));
	if (event->kind == WAL_EVENT_POINT)
	{
		memcpy(event->name, data + sizeof(event->time), sizeof(event->name));
		event->name[sizeof(event->name) - 1] = '\0';
	}
	else if (kind == XACT_COMMIT || kind == XACT_ABORT)
		event->xid = get_32(record + 4);
}

/* A record that is complete.  NULL when good. */
static const char *
take_record(WalRecords *records, const char *record, size_t length, uint64_t lsn)
{
	WalEvent event = {.kind = WAL_EVENT_OTHER, .lsn = lsn};
	uint32_t crc =
		crc32c_add(CRC32C_START, record + RECORD_HEADER_BYTES, length - RECORD_HEADER_BYTES);

	if (crc32c_end(crc32c_add(crc, record, CRC_OFFSET)) != get_32(record + CRC_OFFSET))
		return "has a record with a wrong CRC";
	read_event(record, length, &event);
	records->ended = !records->visit(&event, records->argument);
	return NULL;
}

/* The rest of a record that began on an earlier page; *at goes behind it, or to the page's end. */
static const char *
take_rest(WalRecords *records, const char *page, size_t size, size_t *at)
{
	uint32_t rest = get_32(page + 16);
	size_t here = rest < size - *at ? rest : size - *at;

	if (records->length > 0 && rest == records->length - records->record.length)
	{
		buffer_append(&records->record, page + *at, here);
		if (records->record.length == records->length)
		{
			records->length = 0;
			*at = aligned(*at + here);
			return take_record(records, records->record.data, records->record.length,
							   records->begin);
		}
	}
	else
		records->length = 0;
	*at = aligned(*at + here);
	return NULL;
}

/* The records that begin on a page.  *empty: nothing more is in this segment. */
static const char *
take_page(WalRecords *records, const char *page, size_t size, uint64_t address, size_t at,
		  bool *empty)
{
	const char *problem = NULL;

	while (at + sizeof(uint32_t) <= size && problem == NULL && !records->ended)
	{
		uint32_t length = get_32(page + at);

		*empty = length == 0;
		if (length == 0)
			return NULL;
		if (length < RECORD_HEADER_BYTES || length > LARGEST_RECORD)
			return "has a record of an impossible length";
		if (length > size - at)
		{
			buffer_reset(&records->record);
			buffer_append(&records->record, page + at, size - at);
			records->length = length;
			records->begin = address + at;
			return NULL;
		}
		problem = take_record(records, page + at, length, address + at);
		at = aligned(at + length);
	}
	return problem;
}

const char *
wal_records_add(WalRecords *records, const char *data, size_t length)
{
	WalHead head;
	const char *problem = wal_head_read(data, length, &head);
	bool empty = false;
	size_t offset;

	for (offset = 0;
		 problem == NULL && offset + head.block_size <= length && !empty && !records->ended;
		 offset += head.block_size)
	{
		const char *page = data + offset;
		uint16_t info = get_16(page + 2);
		size_t at = (info & PAGE_HAS_LONG_HEADER) != 0 ? LONG_PAGE_HEADER : SHORT_PAGE_HEADER;

		if (get_16(page) == 0)
			return NULL; /* the server switched to the next segment */
		if ((info & PAGE_BEGINS_WITH_REST) != 0)
			problem = take_rest(records, page, head.block_size, &at);
		else
			records->length = 0;
		if (problem == NULL && !records->ended && records->length == 0)
			problem = take_page(records, page, head.block_size, head.address + offset, at, &empty);
	}
	return problem;
}

bool
wal_records_pending(const WalRecords *records)
{
	return records->length > 0;
}
