/*-------------------------------------------------------------------------
 *
 * delivery.c
 *	  Which alarms this transaction has been given to deliver.
 *
 * Whoever delivers alarms marks them in the transaction that has locked them.
 * A lock on a row is not to be asked for, and a column would have to be written
 * twice for each alarm, so the session remembers the numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "gate.h"

PG_FUNCTION_INFO_V1(nex_backup_note_delivery);
PG_FUNCTION_INFO_V1(nex_backup_delivers);

/* Of the last transaction that got any. */
static LocalTransactionId noted_in = InvalidLocalTransactionId;
static int64 *noted = NULL;
static int nnoted = 0;

static void
refuse_direct_call(void)
{
	if (!OidIsValid(gate_role_of_call()))
		(void) gate_caller();
}

/* nex_backup.note_delivery(ids int8[]): these are given to whoever calls. */
Datum
nex_backup_note_delivery(PG_FUNCTION_ARGS)
{
	Datum *ids;
	int count;
	int i;

	refuse_direct_call();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &ids, NULL, &count);
	if (noted_in != MY_LOCAL_TRANSACTION)
		nnoted = 0;
	noted_in = MY_LOCAL_TRANSACTION;
	if (noted == NULL)
		noted = MemoryContextAlloc(TopMemoryContext, sizeof(int64));
	noted = repalloc(noted, sizeof(int64) * (size_t) (nnoted + count + 1));
	for (i = 0; i < count; i++)
		noted[nnoted++] = DatumGetInt64(ids[i]);
	PG_RETURN_VOID();
}

/* nex_backup.delivers(id): was that one given to this transaction? */
Datum
nex_backup_delivers(PG_FUNCTION_ARGS)
{
	int64 id = PG_GETARG_INT64(0);
	int i;

	refuse_direct_call();
	for (i = 0; i < nnoted && noted_in == MY_LOCAL_TRANSACTION; i++)
		if (noted[i] == id)
			PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}
