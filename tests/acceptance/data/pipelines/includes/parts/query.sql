SELECT bike, MAX(pace) AS slowest FROM {df} GROUP BY bike
