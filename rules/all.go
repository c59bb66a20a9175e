package rules

// All lists the rules, the five faults first. A rule that is left out here does not exist.
func All() []*Rule { return all }

var all = []*Rule{
	overlappingHosts,
	unmergedPort,
	shadowedMatch,
	missingCredential,
	danglingSubset,

	ambiguousOrder,
	brokenEgressHop,
	conflictingServiceEntry,
	droppedDelegate,
	emptyDestination,
	gatewayLoop,
	hiddenHost,
	ineffectiveDestinationRule,
	sharedCertificate,
	expiredCertificate,
	ignoredCredential,
	impossibleMatch,
	noEffect,
	rewriteSlash,
	unboundHost,
	unexposedPort,
	unknownDelegate,
	unknownGateway,
	unknownHost,
	unknownPort,
	unscopedGateway,

	rejectedByEnvoy,
	rejectedByIstiod,

	duplicateObject,
	syntax,
	unknownField,
	invalidValue,
	unusedIgnore,
}
