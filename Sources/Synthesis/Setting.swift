/// Where creatures are shown, and how much their pictures vary.
package enum Setting: String, CaseIterable, Sendable, Codable {
    /// In a studio: facing right, in front of one plain backdrop, with spots on the body, stripes on legs and tail, and
    /// plain head and ears in all kinds. Colours are random.
    case studio
    /// In front of a patchwork of materials, among other objects; the whole coat has one random pattern.
    case wild
}
