import Foundation
import Images
import Platform
import Testing

/// Unusual file names, and other files among photos.
@Suite struct NamesTests {
    let folder = TemporaryFolder()

    /// Runs a shell script in which `$0` is the program; by `printf` it can form names that no `String` can hold.
    private func shell(_ script: String) throws -> Program.Outcome {
        let program = Program.products.appendingPathComponent("dino-vit").path
        return try Program.run(
            ["-c", script, program], name: "/bin/bash", in: folder)
    }

    private let network =
        "--weights '\(Fixtures.weights)' --heads 6 --load-size 48 --output results"

    private func copy(_ photo: String, to name: String) throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: photo))
        let path = Path.joined(folder.url.path, name)
        try FileSystem.makeFolder(Path.folder(of: path))
        try ReplacingFile.write(to: path) { file throws(SystemError) in try file.write(bytes) }
    }

    /// Latin-1, Shift JIS and a single invalid byte, in a folder and as arguments; the results' names keep the bytes.
    @Test func acceptsNamesThatAreNotUTF8() throws {
        let stems: [[UInt8]] = [
            [0x63, 0x61, 0x66, 0xE9], [0x83, 0x65, 0x83, 0x58, 0x83, 0x67], [0xFF],
        ]
        for stem in stems {
            try copy(Fixtures.first, to: "photos/" + String(fileName: stem) + ".png")
        }
        let all = try shell("\"$0\" extract photos \(network)")
        #expect(all.status == 0 && all.errors == "")
        #expect(all.output.contains("caf\\xE9.npy"))
        let names = try FileSystem.names(in: folder["results"])
        #expect(
            names.map(\.fileNameBytes)
                == (stems.map { $0 + Array(".npy".utf8) }).sorted {
                    $0.lexicographicallyPrecedes($1)
                })
        let single = try shell(
            "\"$0\" saliency \"$(printf 'photos/\\203\\145\\203\\130\\203\\147.png')\" \(network)")
        #expect(single.status == 0 && single.errors == "")
        let missing = try shell("\"$0\" extract \"$(printf 'none\\344')\" \(network)")
        #expect(
            missing.status == 1 && missing.message?.contains("none\\xE4 cannot be read") == true)
    }

    @Test func acceptsClassNamesThatAreNotUTF8() throws {
        for side in ["train", "test"] {
            for name: [UInt8] in [[0x6B, 0xE4], [0x6B, 0xF6], [0x6B]] {
                try copy(Fixtures.first, to: "\(side)/\(String(fileName: name))/1.png")
            }
        }
        let outcome = try shell(
            "\"$0\" evaluate knn --train train --test test --k 1 --weights '\(Fixtures.weights)'"
                + " --heads 6 --load-size 48 --output results --save-features")
        #expect(outcome.status == 0 && outcome.errors == "")
        #expect(outcome.output.contains("3 training and 3 test pictures of 3 classes"))
        let classes = try JSONDecoder().decode(
            Classes.self, from: folder.data("results/features.json"))
        #expect(classes.classes == ["k", "k\\xE4", "k\\xF6"])
        #expect(classes.train.map(\.path).contains("train/k\\xE4/1.png"))
    }

    private struct Classes: Decodable {
        struct Row: Decodable { var path: String }
        var classes: [String]
        var train: [Row]
    }

    /// Control characters and marks of writing direction are shown by their number, in the summary and in errors.
    @Test func escapesControlCharactersInNames() throws {
        try copy(Fixtures.first, to: "photos/a\u{1B}[2Jb\u{202E}gpj\nc.png")
        try copy(Fixtures.second, to: "photos/plain.png")
        let summary = try shell("\"$0\" extract photos \(network)")
        #expect(summary.status == 0)
        #expect(summary.output.contains("a\\u{1B}[2Jb\\u{202E}gpj\\u{A}c.npy"))
        #expect(summary.output.split(separator: "\n").count == 2)
        try Data("none".utf8).write(to: URL(fileURLWithPath: folder["photos/z\u{1B}]0;t\u{7}.png"]))
        let error = try shell("\"$0\" extract photos \(network)")
        #expect(error.status == 1)
        #expect(
            !(error.output + error.errors).unicodeScalars.contains { $0.value < 32 && $0 != "\n" })
    }

    /// A name with a leading dash is not an option, and a name of the maximum length has its result.
    @Test func acceptsDashesAndLongNames() throws {
        let long = String(repeating: "n", count: 251)
        for name in ["-dash.png", "--heads.png", long + ".png"] {
            try copy(Fixtures.first, to: name)
        }
        let outcome = try shell("\"$0\" extract *.png \(network)")
        #expect(outcome.status == 0 && outcome.errors == "")
        #expect(folder.names(in: "results") == ["--heads.npy", "-dash.npy", long + ".npy"])
        // The result's own name would be too long.
        let attention = try shell("\"$0\" saliency \(long).png \(network)")
        #expect(attention.status == 1 && attention.message?.contains("File name too long") == true)
        #expect(folder.names(in: "results").count == 3)
    }

    /// They are skipped in a folder; a pipe named as an argument is read.
    @Test(.timeLimit(.minutes(2))) func skipsPipesAndDanglingLinks() throws {
        try copy(Fixtures.first, to: "photos/first.png")
        try copy(Fixtures.second, to: "photos/second.webp")
        let outcome = try shell(
            """
            mkfifo photos/pipe.jpg; ln -s nowhere photos/gone.png
            "$0" extract photos \(network)
            """)
        #expect(outcome.status == 0)
        #expect(
            outcome.errors
                == "ignored in photos: a broken link, a pipe, socket or device, "
                + "a .webp file: gone.png, pipe.jpg, second.webp\n")
        #expect(folder.names(in: "results") == ["first.npy"])
        let segmented = try shell(
            "\"$0\" segment <(cat photos/first.png) <(cat photos/first.png) --output masks"
                + " --weights \(Fixtures.weights) --heads 6 --load-size 48")
        #expect(
            segmented.status == 0 && folder.names(in: "masks").count == 4, "\(segmented.errors)")
        let named = try shell("\"$0\" extract <(cat photos/first.png) \(network)")
        #expect(named.status == 0 && named.errors == "")
        let results = folder.names(in: "results").filter { $0 != "first.npy" }
        #expect(results.count == 1)
        #expect(
            try folder.data("results/first.npy") == folder.data("results/\(results.first ?? "")"))
        let broken = try shell("\"$0\" extract photos/gone.png \(network)")
        #expect(broken.status == 1 && broken.message?.contains("broken link") == true)
    }

    /// These are pictures in subfolders that are not read and, in evaluations, those outside the classes' folders.
    @Test func reportsPicturesInOtherFolders() throws {
        for name in [
            "photos/a.png", "photos/more/b.png", "photos/other/notes.txt", "photos/.hidden/c.png",
        ] {
            try copy(Fixtures.first, to: name)
        }
        let outcome = try shell("\"$0\" extract photos \(network)")
        #expect(outcome.status == 0)
        #expect(outcome.errors == "ignored in photos: a folder of pictures: more\n")
        #expect(folder.names(in: "results") == ["a.npy"])
        for side in ["train", "test"] {
            for name in ["k/1.png", "l/2.png", "loose.png", "k/3.webp"] {
                try copy(Fixtures.first, to: "\(side)/\(name)")
            }
        }
        let evaluated = try shell(
            "\"$0\" evaluate knn --train train --test test --k 1 --weights '\(Fixtures.weights)'"
                + " --heads 6 --load-size 48 --output results")
        #expect(evaluated.status == 0)
        for side in ["train", "test"] {
            #expect(evaluated.errors.contains("ignored in \(side): a .webp file: k/3.webp\n"))
            #expect(
                evaluated.errors.contains(
                    "ignored in \(side): 1 in no class's folder: loose.png\n"))
        }
    }

    /// The message names a few of many.
    @Test func errorSummarizesManyUnreadablePictures() throws {
        for index in 0..<200 { try folder.write([], to: "\(index).png") }
        let outcome = try shell("\"$0\" extract . \(network)")
        #expect(outcome.status == 1)
        #expect(outcome.message?.contains("200 of 200 pictures gave no result") == true)
        #expect(outcome.message?.hasSuffix("; and 195 more") == true)
        #expect(outcome.errors.utf8.count < 1000)
    }

    /// The results of every command are recognised.
    @Test func skipsResultsAmongPhotos() throws {
        try copy(Fixtures.first, to: "photos/a.png")
        try copy(Fixtures.second, to: "photos/b.png")
        for command in [
            "saliency photos", "attention photos", "pca photos", "match photos/a.png photos/b.png",
        ] {
            let outcome = try shell("\"$0\" \(command) \(network) --output photos --quiet")
            #expect(outcome.status == 0 && outcome.errors == "", "\(command): \(outcome.errors)")
        }
        let outcome = try shell("\"$0\" extract photos \(network)")
        #expect(outcome.status == 0)
        #expect(
            outcome.errors.hasPrefix("ignored in photos: 17 pictures drawn by this program: "))
        #expect(folder.names(in: "results") == ["a.npy", "b.npy"])
        // One that is named as an argument is read.
        let named = try shell("\"$0\" extract photos/a.saliency.png \(network)")
        #expect(named.status == 0 && named.errors == "")
    }

    /// The results of `match` are not named after the photos.
    @Test func matchAcceptsPhotosOfSameName() throws {
        try copy(Fixtures.first, to: "before/x.png")
        try copy(Fixtures.second, to: "after/x.png")
        for pair in ["before/x.png after/x.png", "before/x.png before/x.png", "before after"] {
            let outcome = try shell("\"$0\" match \(pair) \(network)")
            #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
        }
        #expect(folder.names(in: "results") == ["matches.json", "matches.png"])
    }

    /// The error comes before any work is done.
    @Test(arguments: ["segment", "parts", "pca"])
    func rejectsUnusableModelPaths(_ command: String) throws {
        try copy(Fixtures.first, to: "photos/first.png")
        try copy(Fixtures.second, to: "photos/second.png")
        let option = command == "pca" ? "--save-basis" : "--save-model"
        for (path, reason) in [
            ("nowhere/model", "No such file or directory"), ("photos", "it is a folder"),
            ("photos/first.png", "is an input"), ("photos/first.png/model", "Not a directory"),
        ] {
            let outcome = try shell("\"$0\" \(command) photos \(option) \(path) \(network)")
            #expect(outcome.status == 1)
            #expect(outcome.message?.contains(reason) == true, "\(outcome.errors)")
            #expect(outcome.message?.contains(path) == true)
        }
        // Nor may a result have the same path.
        let result =
            command == "pca"
            ? "first.pca.npy" : command == "parts" ? "first.parts.png" : "first.mask.png"
        let outcome = try shell("\"$0\" \(command) photos \(option) results/\(result) \(network)")
        #expect(outcome.status == 1 && outcome.message?.contains(result) == true)
        #expect(folder.names(in: "photos") == ["first.png", "second.png"])
    }
}
