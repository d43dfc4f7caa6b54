// InfluenceKit
