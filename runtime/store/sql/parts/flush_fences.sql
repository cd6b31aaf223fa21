)
SELECT array_to_string(ARRAY(SELECT lane FROM f), ','), belay.us(clock_timestamp());
