"""Every limit that is a number of AWS's or of ours, by the name the code uses for it."""

from __future__ import annotations

from typing import Final

KB: Final = 1024
MB: Final = 1024 * KB

# Items and keys (Developer Guide, "Constraints in Amazon DynamoDB")
item_bytes_max: Final = 400 * KB
partition_key_bytes_max: Final = 2048
sort_key_bytes_max: Final = 1024
attribute_name_bytes_max: Final = 65_535
key_attribute_name_bytes_max: Final = 255
nesting_levels_max: Final = 32
number_digits_max: Final = 38

# Expressions
expression_bytes_max: Final = 4 * KB
expression_operators_max: Final = 300
expression_placeholder_bytes_max: Final = 255
expression_placeholders_bytes_max: Final = 2 * MB
expression_in_operands_max: Final = 100

# Requests and pages
request_body_bytes_max: Final = 16 * MB
response_gzip_bytes_min: Final = 4 * KB  # below it compressing costs more than sending
page_bytes_max: Final = MB
batch_get_keys_max: Final = 100
batch_get_bytes_max: Final = 16 * MB
batch_write_requests_max: Final = 25
transaction_actions_max: Final = 100
transaction_bytes_max: Final = 4 * MB
transaction_token_seconds: Final = 600
statement_partitions_max: Final = 50
statement_page_items_max: Final = 10
scan_segments_max: Final = 1_000_000

# Indexes
global_indexes_max: Final = 20
local_indexes_max: Final = 5
index_key_attributes_max: Final = 4  # of the partition key, and as many of the sort key
projected_attributes_max: Final = 100
item_collection_bytes_max: Final = 10 * KB * MB

# Tables
throughput_units_max: Final = 10**12
table_units_default_max: Final = 40_000
throughput_burst_seconds: Final = 300
throughput_buckets_max: Final = 100_000
table_list_max: Final = 100
resource_policy_bytes_max: Final = 20 * KB
stream_policies_max: Final = 10
tags_max: Final = 50
tags_page_max: Final = 10
table_step_items_max: Final = 256
table_step_bytes_max: Final = MB
table_maintenance_max: Final = 4
table_retry_seconds: Final = 1.0
table_poll_seconds: Final = 5.0
table_unseen_seconds_max: Final = 0.1  # descriptions wait for the end of a shorter transition
table_count_items_max: Final = 1000
table_count_bytes_max: Final = MB
table_count_seconds: Final = 60.0
table_counts_max: Final = 10_000
table_partitions_max: Final = 1000
rollover_poll_seconds: Final = 60.0

# Backups
backup_copies_max: Final = 4  # of one table at a time: while one is made every write feeds it
backups_page_max: Final = 100
backup_poll_seconds: Final = 5.0
recovery_days_max: Final = 35
write_settle_seconds: Final = 1.0  # by then a write has committed that was stamped before

# Time to live
expiry_age_seconds_max: Final = 5 * 365 * 24 * 3600  # an older time is taken for a mistake
expiry_step_items_max: Final = 100
expiry_step_bytes_max: Final = MB
expiry_round_seconds: Final = 1.0
expiry_pause_seconds: Final = 0.01
expiry_poll_seconds: Final = 60.0
expiry_foresight_seconds: Final = 3600.0  # who expires sooner is told of; the rest is looked for

# Exports to objects, imports from them
jobs_at_once_max: Final = 2
jobs_page_max: Final = 25
jobs_kept_seconds: Final = 90 * 24 * 3600
job_token_seconds: Final = 8 * 3600
job_sweep_seconds: Final = 24 * 3600
job_retry_seconds: Final = 1.0
job_poll_seconds: Final = 5.0
exports_in_progress_max: Final = 300
export_window_seconds_min: Final = 15 * 60
export_window_seconds_max: Final = 24 * 3600
export_step_items_max: Final = 256
export_step_bytes_max: Final = 128 * KB
export_file_bytes_max: Final = 32 * MB
export_keys_max: Final = 100_000  # whose changes are gathered in one pass over the log
imports_in_progress_max: Final = 50
import_objects_max: Final = 50_000
import_read_bytes: Final = 64 * KB
import_line_bytes_max: Final = 4 * MB
import_step_items_max: Final = 64
import_step_bytes_max: Final = 64 * KB
import_faults_logged_max: Final = 10_000

# Streams
sequence_digits_max: Final = 129  # of a sequence number that a client gives
stream_retention_seconds: Final = 24 * 3600
stream_records_max: Final = 1000
stream_page_bytes_max: Final = MB
stream_shards_page_max: Final = 100
streams_page_max: Final = 100
shard_iterator_seconds: Final = 15 * 60
trim_seconds: Final = 60
trim_commit_entries_max: Final = 250
trim_pause_seconds: Final = 0.004  # between two such commits, for those who wait for theirs

# Data streams (Kinesis Data Streams Developer Guide, "Quotas and limits")
data_stream_shards_max: Final = 1000  # open at once, in a region
data_stream_on_demand_shards: Final = 4
data_streams_on_demand_max: Final = 50
data_stream_retention_hours_min: Final = 24
data_stream_retention_hours_max: Final = 8760
data_stream_record_kib_default: Final = 1024
data_stream_records_max: Final = 500  # of one PutRecords
data_stream_request_bytes_max: Final = 10 * MB
data_stream_page_records_max: Final = 10_000
data_stream_page_bytes_max: Final = 2 * MB
data_stream_iterator_seconds: Final = 5 * 60
data_stream_token_seconds: Final = 300
data_streams_page_default: Final = 100
data_stream_shards_page_default: Final = 100
data_stream_shards_list_max: Final = 1000
data_stream_consumers_max: Final = 20
data_stream_consumers_page_default: Final = 100
data_stream_poll_seconds: Final = 5.0
data_stream_retry_seconds: Final = 1.0
streaming_poll_seconds: Final = 5.0
streaming_retry_seconds_max: Final = 5.0
streaming_batch_bytes_max: Final = 4 * MB

# Consumers
lease_seconds: Final = 15.0
link_batch_records_max: Final = 100
link_batch_bytes_max: Final = 4 * MB
link_poll_seconds: Final = 5.0
replica_poll_seconds: Final = 0.1
link_sound_seconds: Final = 60.0
link_retry_seconds_max: Final = 3.0
tombstone_sweep_seconds: Final = 3600.0
departed_replicas_max: Final = 256
group_members_max: Final = 64
shared_settings_max: Final = 1000
peer_calls_at_once_max: Final = 8
peer_connect_seconds_max: Final = 3.0
peer_read_seconds_max: Final = 10.0
peer_answer_bytes_max: Final = MB
peer_request_bytes_max: Final = 4 * MB
peer_items_max: Final = 1000
contact_seconds: Final = 10.0
contact_retry_seconds_first: Final = 0.1
contact_retry_seconds_max: Final = 5.0
contact_trouble_seconds: Final = 3.0  # a restart is no trouble
peer_clock_seconds_max: Final = 3600.0
replica_source_seconds: Final = 24 * 3600.0
shard_poll_seconds: Final = 1.0
shards_look_seconds: Final = 900.0  # the watch over all heads looks far more often
read_page_records_max: Final = 1000
lanes_max: Final = 10
mapping_unstored_max: Final = 2  # batches of a lane that come again after a crash, with the next
lanes_ahead_records_max: Final = 10_000  # how far lanes get ahead of one that is blocked
window_state_bytes_max: Final = MB
retry_seconds_first: Final = 0.2
retry_seconds_max: Final = 30.0
mapping_poll_seconds: Final = 5.0
sink_poll_seconds: Final = 5.0
sink_retry_seconds_max: Final = 30.0
sink_retry_after_seconds_max: Final = 3600.0
sink_calls_at_once_max: Final = 8
sink_connect_seconds_max: Final = 10.0
warehouse_answer_seconds_max: Final = 180.0  # of a transaction
warehouse_forget_seconds: Final = 3600.0
warehouse_removed_seconds: Final = 366 * 24 * 3600.0  # longer than any log is kept
warehouse_page_items_max: Final = 2000
search_request_bytes_max: Final = 8 * MB
search_request_seconds_max: Final = 60.0
search_id_bytes_max: Final = 512
search_page_documents_max: Final = 1000
mappings_page_max: Final = 100
filter_depth_max: Final = 100
filters_max: Final = 5

# The lab
lab_faults_max: Final = 100
lab_encounters_max: Final = 1000
lab_reader_seconds: Final = 5.0

# Functions
function_payload_bytes_max: Final = 6 * MB
function_client_context_bytes_max: Final = 3583
functions_page_max: Final = 50
function_async_payload_bytes_max: Final = MB
function_timeout_seconds_max: Final = 900
function_log_tail_bytes: Final = 4 * KB
function_result_bytes_max: Final = 6 * MB + 100
function_timeout_seconds_default: Final = 3
function_init_seconds_max: Final = 10
function_memory_mb_min: Final = 128
function_memory_mb_max: Final = 10_240
function_ephemeral_mb_min: Final = 512
function_ephemeral_mb_max: Final = 10_240
function_environment_bytes_max: Final = 4 * KB
function_zip_bytes_max: Final = 50 * MB
function_upload_bytes_max: Final = 70_167_211  # such a zip in base64, and what is sent with it
function_code_bytes_max: Final = 250 * MB
function_description_chars_max: Final = 256
function_layers_max: Final = 5
function_retries_default: Final = 2
function_event_age_seconds_default: Final = 21_600
function_policy_bytes_max: Final = 20 * KB
function_concurrency_max: Final = 1000  # of an account, in a region
function_concurrency_unreserved_min: Final = 100
function_location_seconds: Final = 600
function_code_spare_seconds: Final = 1200  # longer than an invocation lasts
function_log_line_bytes_max: Final = 256 * KB
function_log_file_bytes_max: Final = 2 * MB
function_log_bytes_max: Final = 10 * MB  # of one function
function_log_flush_seconds: Final = 0.05
function_log_page_max: Final = 1000
function_log_page_bytes_max: Final = MB
function_workers_default: Final = 10
function_deferred_max: Final = 100_000
function_deferred_bytes_max: Final = 1024 * MB
function_deferred_running_max: Final = 100
function_worker_idle_seconds: Final = 300
function_memory_check_seconds: Final = 0.1
function_processes_counted_max: Final = 64  # of a worker, towards its memory
function_memory_spare_bytes: Final = 256 * MB

# The lab
lab_journal_records_max: Final = 100_000  # of all consumers, each time they are in a batch
lab_clock_latest: Final = 4_102_444_800  # 2100-01-01, in epoch seconds

# Storage
commit_group_works_max: Final = 512
write_plans_max: Final = 10

# Messages to destinations of failed batches and of asynchronous invocations
outbox_messages_max: Final = 10_000
outbox_sends_at_once_max: Final = 16
outbox_send_seconds_max: Final = 90.0
outbox_poll_seconds: Final = 10.0
outbox_attempts_max: Final = 10
outbox_retry_seconds_first: Final = 1.0
outbox_retry_seconds_max: Final = 300.0

# Queues (SQS API Reference)
queue_message_bytes_max: Final = MB
queue_message_attributes_max: Final = 10
queue_receive_max: Final = 10
queue_batch_entries_max: Final = 10
queue_poll_seconds: Final = 1.0
queue_sweep_seconds: Final = 3600.0

# Server processes that share a store
workers_max: Final = 64
process_beat_seconds: Final = 2.0
process_silence_seconds_max: Final = 30.0  # a process whose loop stands still for longer is ended
process_restart_seconds_first: Final = 0.1
process_restart_seconds_max: Final = 5.0
process_quick_deaths_max: Final = 5  # one after the other, before the server gives up
process_steady_seconds: Final = 10.0  # one that has lived so long has not died quickly
