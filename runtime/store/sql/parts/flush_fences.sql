)
SELECT array_to_string(ARRAY(SELECT lane FROM f), ','), belay.us(clock_timestamp()),
       current_setting('synchronous_commit') <> 'off' AND current_setting('fsync') = 'on';
