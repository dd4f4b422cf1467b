"""The REST face: serializers give shape, views call one service function, problems say what was wrong."""
