"""The quirk zoo: back-ends that misbehave, each in one way, for `BenchCsms.misbehave` and `pilotline-bench csms`."""
