import Descriptors
import Foundation
import Images
import Tensors
import Testing

/// `pca` against the library, applied to the output of `extract`.
@Suite struct PCATests {
    let folder = TemporaryFolder()

    private func pca(_ arguments: [String], into output: String) throws -> Program.Outcome {
        try Program.run(["pca"] + arguments + Fixtures.network + ["--output", folder[output]])
    }

    private func tensor(_ path: String) throws -> Tensor {
        try TensorFile(contentsOf: folder[path]).tensor(named: "array")
    }

    @Test func componentsMatchLibraryTogetherAndSeparately() throws {
        let photos = [Fixtures.first, Fixtures.second]
        let extracted = try Program.run(
            ["extract"] + photos + Fixtures.network + ["--stride", "4", "--output", folder["x"]])
        #expect(extracted.status == 0)
        let descriptors = try ["x/first.npy", "x/second.npy"].map(tensor)
        let matrices = descriptors.map {
            $0.reshaped(to: [$0.shape[0] * $0.shape[1], $0.shape[2]])
        }
        let together = try pca(photos, into: "together")
        #expect(together.status == 0 && together.errors == "")
        #expect(together.output.split(separator: "\n").count == 2)
        let apart = try pca(photos + ["--separate", "--components", "2"], into: "apart")
        #expect(apart.status == 0 && apart.errors == "")
        let basis = try PrincipalComponents(of: matrices, count: 4)
        for (index, stem) in ["first", "second"].enumerated() {
            let all = try tensor("together/\(stem).pca.npy")
            #expect(all == basis.projected(descriptors[index]))
            let own = try PrincipalComponents(of: [matrices[index]], count: 2)
            #expect(try tensor("apart/\(stem).pca.npy") == own.projected(descriptors[index]))
            let picture = try Image(contentsOf: folder["together/\(stem).pca.png"])
            let photo = try Image(contentsOf: photos[index])
            #expect(picture.width == photo.width && picture.height == photo.height)
            // At stride 4 cell k has its centre at 4 k + 4 pixels of the network's image, whose shorter side is 48. Its
            // colour extends halfway to the next centre, and that of the outer cells to the borders.
            let cells = componentPicture(all)
            let shorter = min(photo.width, photo.height)
            func cell(_ pixel: Int, _ side: Int, _ count: Int) -> Int {
                let scale = Double(48 * side / shorter) / Double(side)
                let position = ((Double(pixel) + 0.5) * scale - 2) / 4
                return min(max(Int(position.rounded(.down)), 0), count - 1)
            }
            var wrong = 0
            for y in 0..<photo.height {
                for x in 0..<photo.width {
                    let expected = cells[
                        cell(x, photo.width, cells.width), cell(y, photo.height, cells.height)]
                    wrong += picture[x, y] == expected ? 0 : 1
                }
            }
            #expect(wrong == 0)
        }
    }

    /// A single patch, a plain picture and a foreground of one patch have results, and so do the others of a folder.
    @Test(arguments: [[], ["--separate"], ["--foreground"], ["--foreground", "--separate"]])
    func acceptsPicturesWithoutVariance(_ options: [String]) throws {
        func pca(_ photos: String, into output: String) throws -> Program.Outcome {
            try Program.run(
                ["pca", folder[photos], "--weights", Fixtures.weights, "--heads", "6"]
                    + ["--load-size", "0", "--output", folder[output]] + options)
        }
        try folder.makeFolder("photos")
        let colour = Colour(red: 9, green: 80, blue: 200)
        try Image(width: 8, height: 8, colour: colour).writePNG(to: folder["photos/patch.png"])
        let one = try pca("photos/patch.png", into: "one")
        #expect(one.status == 0 && one.errors == "")
        #expect(one.output.contains("1x1x4, 0% of the variance"))
        #expect(try Array32(folder["one/patch.pca.npy"]).shape == [1, 1, 4])
        try Image(width: 16, height: 8, colour: colour).writePNG(to: folder["photos/two.png"])
        try FileManager.default.copyItem(
            atPath: Fixtures.first, toPath: folder["photos/varied.png"])
        let all = try pca("photos", into: "all")
        #expect(all.status == 0 && all.errors == "", "\(all.errors)")
        #expect(folder.names(in: "all").count == 6)
    }

    /// The basis is applied to the picture that it was fitted to, and to another one.
    @Test(arguments: [[], ["--foreground"]])
    func savedBasisGivesSameResults(_ options: [String]) throws {
        let basis = folder["basis"]
        let fitted = try pca(
            [Fixtures.first, "--save-basis", basis, "--layer", "0", "--facet", "value"] + options,
            into: "fitted")
        #expect(fitted.status == 0 && fitted.errors == "")
        let applied = try pca([Fixtures.first, Fixtures.second, "--basis", basis], into: "applied")
        #expect(applied.status == 0 && applied.errors == "")
        for kind in ["npy", "png"] {
            let expected = try folder.data("fitted/first.pca.\(kind)")
            #expect(try folder.data("applied/first.pca.\(kind)") == expected)
        }
        #expect(folder.names(in: "applied").count == 4)
        let hasGaps = try tensor("fitted/first.pca.npy").elements.contains { $0.isNaN }
        #expect(hasGaps == !options.isEmpty)
    }

    @Test func rejectsInvalidOptionsAndFiles() throws {
        try folder.write("no basis".utf8, to: "text")
        for (arguments, status) in [
            (["--basis", "text", "--separate"], 64), (["--basis", "text", "--layer", "1"], 64),
            (["--separate", "--save-basis", "x"], 64), (["--components", "0"], 64),
            (["--components", "97"], 1), (["--basis", folder["text"]], 1),
            (["--basis", Fixtures.weights], 1), (["--save-basis", Fixtures.first], 1),
            (["--save-basis", folder["missing/x"]], 1),
        ] as [([String], Int32)] {
            let outcome = try pca([Fixtures.first] + arguments, into: "results")
            #expect(outcome.status == status, "\(arguments)")
            #expect((outcome.message != nil) == (status == 1), "\(outcome.errors)")
        }
        #expect(folder.names(in: "results") == [])
        // A basis for a different number of channels.
        let basis = try PrincipalBasis(of: [Tensor([1, 2, 3, 4], shape: [2, 2])], count: 1)
        try basis.write(to: folder["basis"], metadata: ["layer": "1", "facet": "key"])
        let other = try pca([Fixtures.first, "--basis", folder["basis"]], into: "results")
        #expect(other.message?.contains("2 channels") == true, "\(other.errors)")
        // An unreadable picture is skipped and named.
        let among = try pca([Fixtures.first, folder["text"]], into: "among")
        #expect(among.status == 1 && among.message?.contains("1 of 2 pictures") == true)
        #expect(folder.names(in: "among") == ["first.pca.npy", "first.pca.png"])
    }
}
