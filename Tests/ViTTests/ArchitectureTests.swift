import Testing
import ViT

@Suite struct ArchitectureTests {
    @Test func parsesAndPrintsArchitectures() {
        typealias Architecture = VisionTransformer.Configuration
        #expect(Architecture("tiny") == .tiny())
        #expect(Architecture("small") == .small())
        #expect(Architecture("base") == .base())
        #expect(Architecture("96x4x3") == Architecture(width: 96, depth: 4, heads: 3))
        #expect(Architecture("192x12x3")?.description == "tiny")
        #expect(Architecture("96x4x3")?.description == "96x4x3")
        for wrong in ["", "Tiny", "96x4", "96x4x5", "0x4x1", "96x-4x3", "96xx4x3", "96x4x0"] {
            #expect(Architecture(wrong) == nil, "\(wrong)")
        }
        for large in ["99999999x1x1", "8x1025x1"] {
            #expect(Architecture(large)?.fault != nil, "\(large)")
        }
    }

    @Test func positionGridFollowsTheImageSize() {
        let configuration = VisionTransformer.Configuration.tiny()
            .sized(patchSize: 8, imageSize: 100)
        #expect(configuration.positions == .learnt(PatchGrid(rows: 12, columns: 12)))
    }
}
